import type { Query } from './query.ts'

/*
 * Confirmed is confirmed: a row cancelled in the meantime becomes `sent` too, because that is what
 * happened. The epoch in the statement fences a relay that was paused and taken over; its successor
 * sends the row again and marks it then. What was marked is counted in the same statement, in a row
 * that only this relay writes, so that `reconcile` can tell rows marked by somebody else.
 */
const mark = (schema: string): string => `
  with marked as (
    update ${schema}.outbox o
    set state = 'sent', settled_at = now(), last_error = null
    from unnest($1::bigint[], $2::bigint[]) as s (seq, epoch), ${schema}.partition p
    where o.seq = s.seq and o.state in ('pending', 'cancelled')
      and p.id = o.partition and p.epoch = s.epoch
    returning 1
  )
  insert into ${schema}.outbox_confirmed as c (relay, confirmed)
  select $3, count(*) from marked having count(*) > 0
  on conflict on constraint outbox_confirmed_pkey
  do update set confirmed = c.confirmed + excluded.confirmed`

/** Marks rows the broker has confirmed, and counts them for this relay. */
export async function markSent(
  query: Query,
  schema: string,
  relay: string,
  rows: readonly { readonly seq: string; readonly epoch: string }[],
): Promise<void> {
  await query(mark(schema), [rows.map((row) => row.seq), rows.map((row) => row.epoch), relay])
}
