import type { Query } from './query.ts'

/*
 * Confirmed is confirmed: a row cancelled in the meantime becomes `sent` too, because that is what
 * happened. The epoch in the statement fences a relay that was paused and taken over; its successor
 * sends the row again and marks it then.
 */
const mark = (schema: string): string => `
  update ${schema}.outbox o
  set state = 'sent', settled_at = now(), last_error = null
  from unnest($1::bigint[], $2::bigint[]) as s (seq, epoch), ${schema}.partition p
  where o.seq = s.seq and o.state in ('pending', 'cancelled')
    and p.id = o.partition and p.epoch = s.epoch`

/** Marks rows the broker has confirmed. */
export async function markSent(
  query: Query,
  schema: string,
  rows: readonly { readonly seq: string; readonly epoch: string }[],
): Promise<void> {
  await query(mark(schema), [rows.map((row) => row.seq), rows.map((row) => row.epoch)])
}
