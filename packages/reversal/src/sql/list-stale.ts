import { sql } from 'kysely'
import type { Transaction } from 'kysely'
import type { StaleReason } from '../outcome.ts'
import type { AnyRow, ResolvedReversalOptions } from '../resolve-options.ts'
import { leashColumn, stalePredicate } from './scan-stale.ts'

/** A stale row as it is shown. */
export interface ListedRow {
  readonly id: string
  readonly row: AnyRow
  /** Since its creation, in milliseconds, by the database's clock. */
  readonly ageMs: number
  /** Since the leash began. */
  readonly onLeashMs: number
}

/**
 * The stale rows of one leash, in the order a run takes them. Takes no row locks: it is a look, and
 * may not make a job at work pass over a row.
 */
export async function listStale(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
  reason: StaleReason,
  limit: number,
): Promise<readonly ListedRow[]> {
  const id = sql.ref(options.columns.id)
  const at = leashColumn(options, reason)
  const msSince = (moment: typeof at) => sql`round(extract(epoch from now() - ${moment}) * 1000)`
  const { rows } = await sql<AnyRow & { listid: string; listage: string; listleash: string }>`
    select *, ${id}::text as listid, ${msSince(sql.ref(options.columns.createdAt))} as listage,
      ${msSince(at)} as listleash
    from ${sql.table(options.table)}
    where ${stalePredicate(options, reason)}
    order by ${at}, ${id}
    limit ${limit}
  `.execute(trx)
  return rows.map(({ listid, listage, listleash, ...row }) => ({
    id: listid,
    row,
    ageMs: Number(listage),
    onLeashMs: Number(listleash),
  }))
}
