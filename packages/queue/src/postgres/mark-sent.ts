import { seqArray } from './claim-batch.ts'
import type { Lease } from './lease-partitions.ts'
import type { Query } from './query.ts'
import { retiringClaims } from './retire-claims.ts'

/*
 * Confirmed is confirmed: a row cancelled in the meantime becomes `sent` too, because that is what
 * happened. The epoch in the statement fences a relay that was paused and taken over; its successor
 * sends the row again and marks it then. What was marked is counted in the same statement, in a row
 * that only this relay writes, so that `reconcile` can tell rows marked by somebody else. Claims end here
 * only if no row was fenced: of those it must stay known that they were in hand.
 */
const marking = (schema: string, change: string): string => `
  with ours as materialized (
    select p.id
    from ${schema}.partition p
    join unnest($2::smallint[], $3::bigint[]) as l (id, epoch) on l.id = p.id and l.epoch = p.epoch
  ), marked as (
    ${change}
    where o.seq = any (array(select unnest($1::bigint[])))
      and o.state in ('pending', 'cancelled')
      and o.partition in (select id from ours)
    returning o.state
  ), counted as (
    insert into ${schema}.outbox_confirmed as c (relay, confirmed)
    select $4, count(*) from marked having count(*) > 0
    on conflict on constraint outbox_confirmed_pkey
    do update set confirmed = c.confirmed + excluded.confirmed
  ), ${retiringClaims(
    schema,
    'c.relay = $4 and $5 and (select count(*) from marked) = cardinality($1::bigint[])',
  )}`

const keep = (schema: string): string => `
  ${marking(schema, `update ${schema}.outbox o set state = 'sent', settled_at = now(), last_error = null`)}
  select count(*)::integer as marked from marked`

/* The trigger books the rows under the state they were deleted in, which is put right here. */
const remove = (schema: string): string => `
  ${marking(schema, `delete from ${schema}.outbox o`)}, booked as (
    insert into ${schema}.outbox_removed (state, removed)
    select state, -count(*) from marked group by state
    union all
    select 'sent', count(*) from marked having count(*) > 0
  )
  select count(*)::integer as marked from marked`

/** How rows are marked. */
export interface MarkOptions {
  readonly relay: string
  /** Those the rows were claimed under. */
  readonly leases: readonly Lease[]
  /** Keeps the rows, as `sent`; otherwise they are deleted. */
  readonly keep: boolean
  /** Ends the relay's claims, if all rows were still ours. */
  readonly retire: boolean
}

/** Marks rows the broker has confirmed, and counts them for this relay; answers whether all were ours. */
export async function markSent(
  query: Query,
  schema: string,
  rows: readonly { readonly seq: string }[],
  options: MarkOptions,
): Promise<boolean> {
  const statement = options.keep ? keep(schema) : remove(schema)
  const [answer] = await query<{ marked: number }>(statement, [
    seqArray(rows),
    options.leases.map((lease) => lease.partition),
    options.leases.map((lease) => lease.epoch),
    options.relay,
    options.retire,
  ])
  return answer?.marked === rows.length
}
