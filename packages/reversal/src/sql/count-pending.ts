import { sql } from 'kysely'
import type { RawBuilder, Transaction } from 'kysely'
import type { StaleReason } from '../outcome.ts'
import type { ResolvedReversalOptions } from '../resolve-options.ts'
import { leashColumn, onLeash, stalePredicate, staleReasons } from './scan-stale.ts'

/** Counts as the database sees them, ages by its clock. */
export interface PendingCounts {
  readonly pending: number
  readonly oldestPendingMs: number | undefined
  readonly stale: Readonly<Record<StaleReason, StaleCount>>
}

/** How many rows are past one leash, and for how long the oldest has been on it. */
export interface StaleCount {
  readonly count: number
  readonly oldestMs: number | undefined
}

interface LeashRow {
  pending: string
  oldest: string | null
  stale: string
  staleoldest: string | null
}

/**
 * Counts pending and stale rows. One statement for each leash, so that each reads one partial index
 * and nothing of the rows that have ended, however many they are. Takes no row locks: it is a look
 * at one snapshot a statement, out of date the moment it is read.
 */
export async function countPending(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
): Promise<PendingCounts> {
  let pending = 0
  const ages: number[] = []
  const none: StaleCount = { count: 0, oldestMs: undefined }
  const stale: Record<StaleReason, StaleCount> = { undispatched: none, unprocessed: none }
  for (const reason of staleReasons(options)) {
    const row = await countLeash(trx, options, reason)
    pending += Number(row.pending)
    if (row.oldest !== null) ages.push(Number(row.oldest))
    stale[reason] = { count: Number(row.stale), oldestMs: optionalNumber(row.staleoldest) }
  }
  return { pending, oldestPendingMs: ages.length === 0 ? undefined : Math.max(...ages), stale }
}

/** How many rows are stale: less to read than {@link countPending}, for every run. */
export async function countStale(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
): Promise<number> {
  let stale = 0
  for (const reason of staleReasons(options)) {
    const { rows } = await sql<{ count: string }>`
      select count(*) as count from ${sql.table(options.table)}
      where ${stalePredicate(options, reason)}
    `.execute(trx)
    stale += Number(rows[0]?.count)
  }
  return stale
}

async function countLeash(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
  reason: StaleReason,
): Promise<LeashRow> {
  const predicate = stalePredicate(options, reason)
  const { rows } = await sql<LeashRow>`
    select count(*) as pending, ${ageMs(sql`min(${sql.ref(options.columns.createdAt)})`)} as oldest,
      count(*) filter (where ${predicate}) as stale,
      ${ageMs(sql`min(${leashColumn(options, reason)}) filter (where ${predicate})`)} as staleoldest
    from ${sql.table(options.table)}
    where ${onLeash(options, reason)}
  `.execute(trx)
  const row = rows[0]
  if (row === undefined) throw new Error('count(*) returned no row')
  return row
}

function ageMs(moment: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`round(extract(epoch from now() - ${moment}) * 1000)`
}

function optionalNumber(value: string | null): number | undefined {
  return value === null ? undefined : Number(value)
}
