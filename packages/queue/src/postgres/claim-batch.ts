import type { Query } from './query.ts'

/** A row a relay has in hand. */
export interface ClaimedRow {
  readonly seq: string
  readonly id: string
  readonly partition: number
  readonly epoch: string
  readonly key: string
  readonly exchange: string
  readonly routingKey: string
  readonly type: string
  readonly headers: Readonly<Record<string, string | number>>
  readonly payload: Buffer
  readonly attempts: number
  /** No relay had it before; giving it back unsent makes it cancellable again. */
  readonly firstClaim: boolean
}

/*
 * Autocommitted: no transaction is open while the broker is waited for.
 *
 * `candidate` takes the oldest pending rows of partitions whose lease is still ours, except those the
 * relay has in hand. A key whose earlier row waits for a retry is left out whole, which keeps its
 * order. It reads the index of pending rows from its beginning and stops at the limit, however long
 * the backlog: hence the partitions as an array instead of a join, and an `offset 0` that keeps the
 * subquery from becoming a join, which would have to read and sort all of it. `locked` skips rows that
 * someone is cancelling right now, and `held` then leaves the rest of that key for the next round,
 * since the cancellation may still roll back. Row locks last for the statement; the write of
 * `claimed_at` is what a later cancel sees.
 */
const claim = (schema: string): string => `
  with candidate as materialized (
    select o.seq, o.key, o.partition
    from ${schema}.outbox o
    where o.state = 'pending'
      and o.partition = any (array(
        select id from ${schema}.partition where owner = $1 and leased_until > now()
      ))
      and o.available_at <= now()
      and o.seq <> all ($3::bigint[])
      and not exists (
        select 1 from ${schema}.outbox e
        where e.key = o.key and e.seq < o.seq and e.state = 'pending' and e.attempts > 0
          and e.available_at > now()
        offset 0
      )
    order by o.seq
    limit $2
  ), locked as materialized (
    select o.seq, o.claimed_at is null as first_claim
    from ${schema}.outbox o
    where o.seq in (select seq from candidate) and o.state = 'pending'
    order by o.seq
    for no key update skip locked
  ), held as (
    select key, min(seq) as seq
    from candidate
    where seq not in (select seq from locked)
    group by key
  )
  update ${schema}.outbox o
  set claimed_at = now()
  from locked l
  join candidate c on c.seq = l.seq
  join ${schema}.partition p on p.id = c.partition
  where o.seq = l.seq
    and not exists (select 1 from held h where h.key = c.key and h.seq < c.seq)
  returning
    o.seq::text as seq, o.id, o.partition, p.epoch::text as epoch, o.key, o.exchange,
    o.routing_key as "routingKey", o.type, o.headers, o.payload, o.attempts,
    l.first_claim as "firstClaim"`

/** The next rows to send, oldest first, without those that the relay has in hand already. */
export async function claimBatch(
  query: Query,
  schema: string,
  owner: string,
  limit: number,
  inHand: readonly ClaimedRow[],
): Promise<ClaimedRow[]> {
  const rows = await query<ClaimedRow>(claim(schema), [owner, limit, inHand.map((row) => row.seq)])
  return rows.toSorted((a, b) => (BigInt(a.seq) < BigInt(b.seq) ? -1 : 1))
}
