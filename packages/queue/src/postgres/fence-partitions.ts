import type { Lease } from './lease-partitions.ts'
import type { Query } from './query.ts'

/*
 * FOR KEY SHARE: until this transaction ends, nobody can take these partitions over (a taker wants FOR
 * UPDATE and skips locked rows), so what is marked next is marked by their owner. The owner's renewals go
 * on beside it, which a stronger lock would stop.
 */
const fence = (schema: string): string => `
  select p.id as partition
  from ${schema}.partition p
  join unnest($1::smallint[], $2::bigint[]) as mine (id, epoch)
    on mine.id = p.id and mine.epoch = p.epoch
  order by p.id
  for key share of p`

/** Which of these leases nobody has taken over; they stay ours for the rest of the transaction. */
export async function fencePartitions(
  query: Query,
  schema: string,
  leases: readonly Lease[],
): Promise<Set<number>> {
  const rows = await query<{ partition: number }>(fence(schema), [
    leases.map((lease) => lease.partition),
    leases.map((lease) => lease.epoch),
  ])
  return new Set(rows.map((row) => Number(row.partition)))
}
