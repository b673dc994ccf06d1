import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import type { StaleReason } from '../outcome.ts'
import type { ResolvedReversalOptions } from '../resolve-options.ts'
import { leashColumn, stalePredicate, staleReasons } from './scan-stale.ts'

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

interface CountRow {
  pending: string
  oldest: string | null
  undispatched: string
  undispatchedoldest: string | null
  unprocessed: string
  unprocessedoldest: string | null
}

/**
 * Counts pending and stale rows in one pass over the pending ones. Takes no row locks: it is a look
 * at one snapshot, out of date the moment it is read.
 */
export async function countPending(options: ResolvedReversalOptions): Promise<PendingCounts> {
  const { columns, statuses } = options
  const { rows } = await sql<CountRow>`
    select count(*) as pending, ${ageMs(sql`min(${sql.ref(columns.createdAt)})`)} as oldest,
      ${stale(options, 'undispatched')}, ${stale(options, 'unprocessed')}
    from ${sql.table(options.table)}
    where ${sql.ref(columns.status)} = ${statuses.pending}
  `.execute(options.db)
  const row = rows[0]
  if (row === undefined) throw new Error('count(*) returned no row')
  return {
    pending: Number(row.pending),
    oldestPendingMs: optionalNumber(row.oldest),
    stale: {
      undispatched: {
        count: Number(row.undispatched),
        oldestMs: optionalNumber(row.undispatchedoldest),
      },
      unprocessed: {
        count: Number(row.unprocessed),
        oldestMs: optionalNumber(row.unprocessedoldest),
      },
    },
  }
}

function stale(options: ResolvedReversalOptions, reason: StaleReason): RawBuilder<unknown> {
  const name = sql.ref(reason)
  const oldestName = sql.ref(`${reason}oldest`)
  if (!staleReasons(options).includes(reason)) return sql`0 as ${name}, null as ${oldestName}`
  const predicate = stalePredicate(options, reason)
  const oldest = sql`min(${leashColumn(options, reason)}) filter (where ${predicate})`
  return sql`count(*) filter (where ${predicate}) as ${name}, ${ageMs(oldest)} as ${oldestName}`
}

function ageMs(moment: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`round(extract(epoch from now() - ${moment}) * 1000)`
}

function optionalNumber(value: string | null): number | undefined {
  return value === null ? undefined : Number(value)
}
