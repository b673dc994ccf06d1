import type { Query } from './query.ts'

/* Rows exist only for messages that failed, so a look at all of them is cheap. Skips what is in use. */
const sweep = (schema: string): string => `
  delete from ${schema}.attempt
  where (consumer, message_id) in (
    select consumer, message_id from ${schema}.attempt
    where consumer = any($1::text[]) and updated_at < $2
    limit $3
    for update skip locked
  )
  returning 1`

/** Forgets attempts of messages nobody has tried since the cutoff; returns how many. */
export async function sweepAttempts(
  query: Query,
  schema: string,
  consumers: readonly string[],
  cutoff: string,
  limit: number,
): Promise<number> {
  return (await query(sweep(schema), [consumers, cutoff, limit])).length
}
