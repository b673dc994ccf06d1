import type { Query } from './query.ts'

/*
 * Only rows this relay was the first to claim and did not hand to the broker, so nothing can have
 * been sent. Fenced by the epoch: after a takeover the new owner may have it in hand.
 */
const unclaim = (schema: string): string => `
  update ${schema}.outbox o
  set claimed_at = null
  from unnest($1::bigint[], $2::bigint[]) as u (seq, epoch), ${schema}.partition p
  where o.seq = u.seq and o.state = 'pending' and p.id = o.partition and p.epoch = u.epoch`

/** Puts rows back as if they had never been claimed. */
export async function unclaimRows(
  query: Query,
  schema: string,
  rows: readonly { readonly seq: string; readonly epoch: string }[],
): Promise<void> {
  await query(unclaim(schema), [rows.map((row) => row.seq), rows.map((row) => row.epoch)])
}
