import { sql } from 'kysely'
import type { Transaction } from 'kysely'
import type { RowOutcome } from '../outcome.ts'
import type { RunEnd } from '../run-result.ts'

/** Whose row it is, and in which schema. */
export interface Logbook {
  readonly schema: string
  readonly job: string
}

/** How many rows of a run had each end. */
export type RowCounts = Readonly<Record<RowOutcome, number>>

/** The row of a job. Times are milliseconds ago, by the database's clock. */
export interface LogbookEntry {
  readonly runs: number
  readonly counts: RowCounts
  readonly paused: number
  readonly lastEndedMsAgo: number | undefined
  readonly lastEndedBy: RunEnd | undefined
  readonly lastSuccessAt: Date | undefined
  readonly lastSuccessMsAgo: number | undefined
  readonly lastMassReversalMsAgo: number | undefined
}

/*
 * Locks of these statements: the job's row, until the transaction ends, which holds no other
 * statement. Two jobs of one name wait for each other's no longer than that; from one that is frozen
 * before its commit the server takes the lock.
 */
const table = ({ schema }: Logbook) => sql.table(`${schema}.job`)

/** A run begins. */
export async function beginRun(trx: Transaction<any>, book: Logbook): Promise<void> {
  await sql`
    insert into ${table(book)} as job (name, runs) values (${book.job}, 1)
    on conflict (name) do update set runs = job.runs + 1, last_started_at = now()
  `.execute(trx)
}

/** A run met a mass reversal. Written before it goes on: it may be killed before its end. */
export async function markMassReversal(trx: Transaction<any>, book: Logbook): Promise<void> {
  await sql`
    update ${table(book)} set last_mass_at = now() where name = ${book.job}
  `.execute(trx)
}

/** A batch is done. */
export async function addCounts(
  trx: Transaction<any>,
  book: Logbook,
  counts: RowCounts,
): Promise<void> {
  await sql`
    update ${table(book)} set reversed = reversed + ${counts.reversed},
      completed = completed + ${counts.completed}, not_yet = not_yet + ${counts.not_yet},
      lost = lost + ${counts.lost}, failed = failed + ${counts.failed}
    where name = ${book.job}
  `.execute(trx)
}

/** A run came to its end. */
export async function endRun(
  trx: Transaction<any>,
  book: Logbook,
  run: { readonly endedBy: RunEnd; readonly success: boolean },
): Promise<void> {
  await sql`
    update ${table(book)} set last_ended_at = now(), last_ended_by = ${run.endedBy},
      paused = paused + ${run.endedBy === 'paused' ? 1 : 0},
      last_success_at = case when ${run.success}::boolean then now() else last_success_at end
    where name = ${book.job}
  `.execute(trx)
}

interface EntryRow {
  runs: string
  reversed: string
  completed: string
  not_yet: string
  lost: string
  failed: string
  paused: string
  last_ended_by: RunEnd | null
  last_success_at: Date | null
  ended: string | null
  success: string | null
  mass: string | null
}

/** What is written there; undefined before the first run. */
export async function readLogbook(
  trx: Transaction<any>,
  book: Logbook,
): Promise<LogbookEntry | undefined> {
  const msAgo = (column: string) =>
    sql`round(extract(epoch from now() - ${sql.ref(column)}) * 1000)`
  const { rows } = await sql<EntryRow>`
    select runs, reversed, completed, not_yet, lost, failed, paused, last_ended_by, last_success_at,
      ${msAgo('last_ended_at')} as ended, ${msAgo('last_success_at')} as success,
      ${msAgo('last_mass_at')} as mass
    from ${table(book)} where name = ${book.job}
  `.execute(trx)
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    runs: Number(row.runs),
    counts: {
      reversed: Number(row.reversed),
      completed: Number(row.completed),
      not_yet: Number(row.not_yet),
      lost: Number(row.lost),
      failed: Number(row.failed),
    },
    paused: Number(row.paused),
    lastEndedMsAgo: optional(row.ended),
    lastEndedBy: row.last_ended_by ?? undefined,
    lastSuccessAt: row.last_success_at ?? undefined,
    lastSuccessMsAgo: optional(row.success),
    lastMassReversalMsAgo: optional(row.mass),
  }
}

const optional = (value: string | null): number | undefined =>
  value === null ? undefined : Number(value)
