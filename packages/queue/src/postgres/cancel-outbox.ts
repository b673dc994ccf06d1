import type { Query } from './query.ts'

/*
 * The row lock decides between this and a relay's claim. Whoever is first: a claim skips a row that
 * is being cancelled, and a cancel that comes after a claim sees `claimed_at` and says so. The lock
 * is held until the caller's transaction ends.
 */
const cancel = (schema: string): string => `
  update ${schema}.outbox
  set state = 'cancelled', settled_at = now()
  where id = $1 and state = 'pending'
  returning claimed_at is null as never_claimed`

/** Stops a message; true only if no relay ever had it in hand. */
export async function cancelOutbox(query: Query, schema: string, id: string): Promise<boolean> {
  const [row] = await query<{ never_claimed: boolean }>(cancel(schema), [id])
  return row?.never_claimed ?? false
}
