import { lookForMassReversal } from './look-for-mass-reversal.ts'
import type { MassReversalSigns } from './mass-reversal.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import type { RunEnd } from './run-result.ts'
import { countPending } from './sql/count-pending.ts'
import type { StaleCount } from './sql/count-pending.ts'
import { readLogbook } from './sql/logbook.ts'
import type { LogbookEntry } from './sql/logbook.ts'
import { asLogbookError, asStoreError } from './store-error.ts'
import { inTime } from './transactions.ts'

/**
 * What the database says about the job and its table, whichever process ran the job: for a
 * long-lived service that is scraped. Ages are milliseconds by the database's clock.
 */
export interface ReversalMetrics {
  /** The table the job works on. */
  readonly table: string
  /** Rows in the pending status, stale or not. */
  readonly pending: number
  /** Age of the oldest pending row in milliseconds; undefined when there is none. */
  readonly oldestPendingMs: number | undefined
  /** Rows whose message was not confirmed taken within `dispatchTimeoutMs`. */
  readonly undispatched: StaleCount
  /** Rows not settled within `processingTimeoutMs`. */
  readonly unprocessed: StaleCount
  /** What became of the rows created lately, and whether that is a mass reversal. */
  readonly massReversal: MassReversalSigns
  /** What the job has written down; undefined without the option `logbook`. */
  readonly logbook: ReversalLogbook | undefined
}

/** What all runs of a job together did. The counts only grow. */
export interface ReversalLogbook {
  /** Runs that began. */
  readonly runs: number
  /** Runs that a mass reversal paused. */
  readonly paused: number
  readonly reversed: number
  readonly completed: number
  readonly notYet: number
  readonly lost: number
  readonly failed: number
  /** How long ago a run came to its end, whichever; undefined before the first. */
  readonly lastEndedMsAgo: number | undefined
  /** How it ended. */
  readonly lastEndedBy: RunEnd | undefined
  /** When a run last looked at everything stale and failed at nothing. */
  readonly lastSuccessAt: Date | undefined
  /** How long ago that was. */
  readonly lastSuccessMsAgo: number | undefined
  /** How long ago a run met a mass reversal. */
  readonly lastMassReversalMsAgo: number | undefined
}

export async function readMetrics(options: ResolvedReversalOptions): Promise<ReversalMetrics> {
  const { table } = options
  const { pending, oldestPendingMs, stale, massReversal } = await asStoreError(
    `Counting rows of ${table}`,
    async () => {
      const counts = await inTime(options, (trx) => countPending(trx, options))
      const staleCount = counts.stale.undispatched.count + counts.stale.unprocessed.count
      return { ...counts, massReversal: await lookForMassReversal(options, staleCount) }
    },
  )
  const { undispatched, unprocessed } = stale
  const logbook = await logbookOf(options)
  return { table, pending, oldestPendingMs, undispatched, unprocessed, massReversal, logbook }
}

async function logbookOf(options: ResolvedReversalOptions): Promise<ReversalLogbook | undefined> {
  const { logbook } = options
  if (logbook === undefined) return undefined
  const entry = await asLogbookError(logbook.schema, () =>
    inTime(options, (trx) => readLogbook(trx, logbook)),
  )
  return entry === undefined ? beforeTheFirstRun : published(entry)
}

const beforeTheFirstRun: ReversalLogbook = {
  runs: 0,
  paused: 0,
  reversed: 0,
  completed: 0,
  notYet: 0,
  lost: 0,
  failed: 0,
  lastEndedMsAgo: undefined,
  lastEndedBy: undefined,
  lastSuccessAt: undefined,
  lastSuccessMsAgo: undefined,
  lastMassReversalMsAgo: undefined,
}

function published({ counts, ...entry }: LogbookEntry): ReversalLogbook {
  const { not_yet: notYet, ...others } = counts
  return { ...entry, ...others, notYet }
}
