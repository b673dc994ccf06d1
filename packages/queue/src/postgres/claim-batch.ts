import type { Outgoing } from '../envelope.ts'
import type { Lease } from './lease-partitions.ts'
import type { Query } from './query.ts'

/** A row a relay has in hand, as it goes to the broker. */
export interface ClaimedRow extends Outgoing {
  readonly seq: string
  readonly partition: number
  /** Of the lease it was claimed under. */
  readonly epoch: string
  readonly attempts: number
}

/** Which rows a relay wants next. */
export interface ClaimOptions {
  readonly relay: string
  readonly leases: readonly Lease[]
  /** Rows the relay has in hand already. */
  readonly inHand: Iterable<string>
  /** Keys of which it takes nothing, because somebody is cancelling one of their rows. */
  readonly heldKeys: Iterable<string>
  readonly limit: number
}

/*
 * Autocommitted: no transaction is open while the broker is waited for. Locks nothing and rewrites no
 * row: the claim is one new row with the numbers of all, and the rows must be looked at once more after
 * it has committed (`free-rows.ts`), since someone may be cancelling one of them right now.
 *
 * `candidate` takes the oldest pending rows of partitions whose lease is still ours. A key whose earlier
 * row waits for a retry is left out whole, which keeps its order. It reads the index of pending rows in
 * its order and stops at the limit, however long the backlog: hence the partitions as an array instead of
 * a join, and an `offset 0` that keeps the subquery from becoming a join, which would have to read and
 * sort all of it. It begins with the oldest row each time and leaves out what the relay has in hand, one
 * by one (`not in` looks a row up in a hash). To go on behind the last one would be wrong: a row before it
 * that commits late, whose partition falls to us, or whose wait is over, would be overtaken by its key.
 */
const claim = (schema: string): string => `
  with candidate as materialized (
    select o.seq, o.id, o.partition, o.key, o.exchange, o.routing_key, o.type, o.headers, o.payload,
      o.attempts
    from ${schema}.outbox o
    where o.state = 'pending'
      and o.seq not in (select unnest($3::bigint[]))
      and o.key not in (select unnest($6::text[]))
      and o.partition = any (array(
        select p.id
        from ${schema}.partition p
        join unnest($4::smallint[], $5::bigint[]) as l (id, epoch)
          on l.id = p.id and l.epoch = p.epoch
        where p.owner = $1 and p.leased_until > now()
      ))
      and o.available_at <= now()
      and not exists (
        select 1 from ${schema}.outbox e
        where e.key = o.key and e.seq < o.seq and e.state = 'pending' and e.attempts > 0
          and e.available_at > now()
        offset 0
      )
    order by o.seq
    limit $2
  ), claimed as (
    insert into ${schema}.claim (relay, seqs)
    select $1, array_agg(seq order by seq) from candidate having count(*) > 0
  )
  select
    c.seq::text as seq, c.id as "messageId", c.partition, c.key, c.exchange,
    c.routing_key as "routingKey", c.type, c.headers, c.payload as body, c.attempts
  from candidate c
  order by c.seq`

/** The next rows, oldest first. They may be sent when they were found free. */
export async function claimBatch(
  query: Query,
  schema: string,
  { relay, leases, inHand, heldKeys, limit }: ClaimOptions,
): Promise<ClaimedRow[]> {
  const rows = await query<Omit<ClaimedRow, 'epoch'> & { epoch?: string | undefined }>(
    claim(schema),
    [
      relay,
      limit,
      `{${[...inHand].join(',')}}`,
      leases.map((lease) => lease.partition),
      leases.map((lease) => lease.epoch),
      [...heldKeys],
    ],
  )
  const epochs = new Map(leases.map((lease) => [lease.partition, lease.epoch]))
  // The rows are ours alone, so they may grow by what all of them share.
  for (const row of rows) row.epoch = epochs.get(row.partition)
  return rows as ClaimedRow[]
}

/** Numbers of rows as one parameter: the driver would look at each for quotes. */
export function seqArray(rows: readonly { readonly seq: string }[]): string {
  return `{${rows.map((row) => row.seq).join(',')}}`
}
