import { seqArray } from './claim-batch.ts'
import type { Query } from './query.ts'

/*
 * `xmax` is 0 as long as nobody has ever locked or changed this version of the row, so who is cancelling
 * it this moment shows, and no lock has to be written. `any (array(select …))` is an index scan in any
 * plan; of an array in a parameter the planner knows the length, and may read all of a small table.
 */
const count = (schema: string): string => `
  select count(*)::integer as free
  from ${schema}.outbox o
  where o.seq = any (array(select unnest($1::bigint[]))) and o.state = 'pending' and o.xmax = 0`

/*
 * When not all are: a lock that was rolled back leaves its mark behind, so the lock itself is tried. Skips
 * rows that somebody holds; the locks are gone with the statement. Whoever cancels afterwards sees the
 * claim.
 */
const lock = (schema: string): string => `
  select o.seq::text as seq
  from ${schema}.outbox o
  where o.seq = any (array(select unnest($1::bigint[]))) and o.state = 'pending'
  for no key update skip locked`

/**
 * Those of the claimed rows that nobody is cancelling. Asked after the claim has committed: who cancels
 * one of these later will see that it was claimed.
 */
export async function freeRows<Row extends { readonly seq: string }>(
  query: Query,
  schema: string,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const seqs = seqArray(rows)
  const [counted] = await query<{ free: number }>(count(schema), [seqs])
  if (counted?.free === rows.length) return rows
  const locked = new Set((await query<{ seq: string }>(lock(schema), [seqs])).map((row) => row.seq))
  return rows.filter((row) => locked.has(row.seq))
}
