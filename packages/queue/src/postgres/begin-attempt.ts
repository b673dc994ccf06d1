import type { Query } from './query.ts'

/*
 * Its own short transaction, before the handler: a handler that takes the process down leaves
 * `started` behind, and so is counted. The upsert locks one row for the length of the statement.
 */
const begin = (schema: string): string => `
  insert into ${schema}.attempt as a (consumer, message_id, started)
  values ($1, $2, 1)
  on conflict on constraint attempt_pkey
  do update set started = a.started + 1, updated_at = now()
  returning failed + started as attempt`

/** Counts the start of a try; returns which one it is. */
export async function beginAttempt(
  query: Query,
  schema: string,
  consumer: string,
  messageId: string,
): Promise<number> {
  const [row] = await query<{ attempt: number }>(begin(schema), [consumer, messageId])
  return Number(row?.attempt ?? 1)
}
