import { sql } from 'kysely'
import type { RawBuilder, Transaction } from 'kysely'
import type { StaleReason } from '../outcome.ts'
import type { AnyRow, ResolvedReversalOptions } from '../resolve-options.ts'

/** Where the next batch begins: behind this row, in the order of the scan. */
export interface ScanPosition {
  readonly at: string
  readonly id: string
}

/** Which rows a batch takes. */
export interface ScanRange {
  readonly reason: StaleReason
  readonly after: ScanPosition | undefined
  readonly limit: number
}

/** One stale row and where it stands. */
export interface ScannedRow {
  readonly row: AnyRow
  readonly position: ScanPosition
}

/**
 * Reads the next batch of stale rows, oldest first, from behind `after`.
 *
 * Locks: FOR NO KEY UPDATE SKIP LOCKED, in a transaction that does nothing else. A row that a
 * worker holds in mid-commit is passed over instead of waited for; it is found settled, or stale
 * again, by the next run. The locks end with that transaction: they protect nothing afterwards, and
 * need not, since the compare-and-set looks again. NO KEY, since rows that refer to ours by a
 * foreign key need not wait.
 *
 * Each leash has its own statement, so that each is one range of one index:
 *   (created_at, id)    WHERE status = 'PENDING' AND dispatched_at IS NULL
 *   (dispatched_at, id) WHERE status = 'PENDING' AND dispatched_at IS NOT NULL
 *
 * The position travels as text because a JavaScript Date keeps milliseconds, a timestamptz
 * microseconds: a rounded position would find its own row again.
 */
export async function scanStale(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
  range: ScanRange,
): Promise<readonly ScannedRow[]> {
  const { columns } = options
  const { reason, after, limit } = range
  const id = sql.ref(columns.id)
  const at = leashColumn(options, reason)
  const behind = after === undefined ? sql`` : sql`and (${at}, ${id}) > (${after.at}, ${after.id})`
  const { rows } = await sql<AnyRow & { scanat: string; scanid: string }>`
    select *, ${at}::text as scanat, ${id}::text as scanid
    from ${sql.table(options.table)}
    where ${stalePredicate(options, reason)} ${behind}
    order by ${at}, ${id}
    limit ${limit}
    for no key update skip locked
  `.execute(trx)
  return rows.map(({ scanat, scanid, ...row }) => ({ row, position: { at: scanat, id: scanid } }))
}

/** The leashes that the table can have. */
export function staleReasons(options: ResolvedReversalOptions): readonly StaleReason[] {
  return options.columns.dispatchedAt === undefined
    ? ['unprocessed']
    : ['undispatched', 'unprocessed']
}

/** From when the leash is measured. */
export function leashColumn(
  options: ResolvedReversalOptions,
  reason: StaleReason,
): RawBuilder<unknown> {
  const { createdAt, dispatchedAt } = options.columns
  return sql.ref(reason === 'undispatched' ? createdAt : (dispatchedAt ?? createdAt))
}

/** Stale by this leash: decided by the database's clock alone. */
export function stalePredicate(
  options: ResolvedReversalOptions,
  reason: StaleReason,
): RawBuilder<boolean> {
  const leashMs =
    reason === 'undispatched' ? options.dispatchTimeoutMs : options.processingTimeoutMs
  return sql<boolean>`${onLeash(options, reason)}
    and ${leashColumn(options, reason)} < now() - ${`${leashMs} milliseconds`}::interval`
}

/**
 * Pending, and on this leash. The status is written out, not a parameter: a plan that is kept for
 * any parameter could not use a partial index, and would read the whole table.
 */
export function onLeash(
  options: ResolvedReversalOptions,
  reason: StaleReason,
): RawBuilder<boolean> {
  const { columns, statuses, notBefore } = options
  const not = reason === 'undispatched' ? sql`` : sql`not`
  const waiting =
    columns.dispatchedAt === undefined
      ? sql``
      : sql`and ${sql.ref(columns.dispatchedAt)} is ${not} null`
  const cutOff =
    notBefore === undefined ? sql`` : sql`and ${sql.ref(columns.createdAt)} >= ${notBefore}`
  return sql<boolean>`${sql.ref(columns.status)} = ${sql.lit(statuses.pending)} ${waiting} ${cutOff}`
}
