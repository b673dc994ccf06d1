import { ReversalError } from './errors.ts'
import { actionFor } from './mass-reversal.ts'
import { readMetrics } from './metrics.ts'
import type { ReversalMetrics } from './metrics.ts'
import type { ResolveOutcome, StaleReason } from './outcome.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import { listStale } from './sql/list-stale.ts'
import type { ListedRow } from './sql/list-stale.ts'
import { staleReasons } from './sql/scan-stale.ts'
import { asStoreError } from './store-error.ts'
import { inTime } from './transactions.ts'
import { withDeadline } from './with-deadline.ts'

/** Settings of `report`. */
export interface ReportOptions {
  /**
   * The most rows to list. 0 to 1_000.
   *
   * @defaultValue 20
   */
  readonly limit?: number | undefined
}

/** One row that a run would take now. */
export interface ReportedRow {
  readonly id: string
  readonly reason: StaleReason
  /** Since its creation, in milliseconds. */
  readonly ageMs: number
  /** Past its leash, in milliseconds. */
  readonly overdueMs: number
  /**
   * How it would end, by the option `preview`; `unknown` when `preview` failed; undefined without
   * that option.
   */
  readonly wouldBe: ResolveOutcome | 'unknown' | undefined
}

/** What a run would look at now. Nothing is resolved or written to find out. */
export interface ReversalReport extends ReversalMetrics {
  /** Whether `maxPerRun` would end the next run before all of them are looked at. */
  readonly beyondMaxPerRun: boolean
  /** Whether the next run would decide nothing. */
  readonly wouldPause: boolean
  /** The rows, in the order a run takes them; at most `limit`. */
  readonly rows: readonly ReportedRow[]
  /** How many stale rows there are besides. */
  readonly more: number
}

const LIMIT_MAX = 1_000

export async function report(
  options: ResolvedReversalOptions,
  { limit = 20 }: ReportOptions,
): Promise<ReversalReport> {
  if (!Number.isSafeInteger(limit) || limit < 0 || limit > LIMIT_MAX) {
    throw new ReversalError(
      'REVERSAL_INVALID_OPTION',
      `Invalid option of report: limit must be a whole number from 0 to ${LIMIT_MAX}, not ${limit}`,
    )
  }
  const metrics = await readMetrics(options)
  const rows = await listRows(options, limit)
  const stale = metrics.undispatched.count + metrics.unprocessed.count
  return {
    ...metrics,
    beyondMaxPerRun: stale > options.maxPerRun,
    wouldPause: actionFor(metrics.massReversal, options.onMassReversal) === 'pause',
    rows,
    more: Math.max(0, stale - rows.length),
  }
}

async function listRows(options: ResolvedReversalOptions, limit: number): Promise<ReportedRow[]> {
  const listed: ReportedRow[] = []
  for (const reason of staleReasons(options)) {
    const lacking = limit - listed.length
    if (lacking === 0) break
    const rows = await asStoreError(`Reading stale rows of ${options.table}`, () =>
      inTime(options, (trx) => listStale(trx, options, reason, lacking)),
    )
    const { dispatchTimeoutMs, processingTimeoutMs } = options
    const leashMs = reason === 'undispatched' ? dispatchTimeoutMs : processingTimeoutMs
    for (const row of rows) {
      const { id, ageMs, onLeashMs } = row
      const overdueMs = Math.max(0, onLeashMs - leashMs)
      listed.push({ id, reason, ageMs, overdueMs, wouldBe: await foretell(options, row) })
    }
  }
  return listed
}

async function foretell(
  { preview, resolveTimeoutMs }: ResolvedReversalOptions,
  { row }: ListedRow,
): Promise<ReportedRow['wouldBe']> {
  if (preview === undefined) return undefined
  try {
    return await withDeadline('preview', resolveTimeoutMs, () => preview(row))
  } catch {
    // A look that fails must not hide the rows behind it; the run itself will tell the reason.
    return 'unknown'
  }
}
