import type { Query } from './query.ts'

/** A partition this relay owns until its lease runs out. */
export interface Lease {
  readonly partition: number
  /** Changes with every owner; a statement that names an old one does nothing. */
  readonly epoch: string
}

/*
 * The only FOR UPDATE SKIP LOCKED in the relay, and it is on the lease rows: two relays that look at
 * the same moment share the partitions out instead of waiting. Skipping locked *messages* instead
 * would let two relays send one key out of order. Renewing keeps the epoch, taking over raises it.
 *
 * A renewal takes FOR NO KEY UPDATE, which goes beside the FOR KEY SHARE of our own transaction that
 * writes confirms down (`fence-partitions.ts`): with the stronger lock it would skip just the partitions
 * that are busy, and their messages would wait for the renewal after it. Taking over takes FOR UPDATE,
 * which does not go beside it.
 */
const lease = (schema: string): string => `
  with renewed as (
    select id
    from ${schema}.partition
    where owner = $1 and leased_until >= now()
    order by id
    limit $3
    for no key update skip locked
  ), taken as (
    select id
    from ${schema}.partition
    where leased_until < now()
    order by id
    limit $3 - (select count(*) from renewed)
    for update skip locked
  )
  update ${schema}.partition p
  set
    epoch = case when p.leased_until >= now() then p.epoch else p.epoch + 1 end,
    owner = $1,
    leased_until = now() + $2 * interval '1 millisecond'
  from (select id from renewed union all select id from taken) as wanted
  where p.id = wanted.id
  returning p.id as partition, p.epoch::text as epoch`

/** Renews what is ours and takes what is free, up to `limit`. */
export async function leasePartitions(
  query: Query,
  schema: string,
  options: { owner: string; leaseMs: number; limit: number },
): Promise<Lease[]> {
  const rows = await query<{ partition: number; epoch: string }>(lease(schema), [
    options.owner,
    options.leaseMs,
    options.limit,
  ])
  return rows.map((row) => ({ partition: Number(row.partition), epoch: row.epoch }))
}
