import { ReversalError } from './errors.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import { countPending } from './sql/count-pending.ts'
import type { StaleCount } from './sql/count-pending.ts'

/** What a run would look at now. Nothing is resolved or written to find out. */
export interface ReversalReport {
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
  /** Whether `maxPerRun` would end the next run before all of them are looked at. */
  readonly beyondMaxPerRun: boolean
}

export async function report(options: ResolvedReversalOptions): Promise<ReversalReport> {
  try {
    const { pending, oldestPendingMs, stale } = await countPending(options)
    return {
      table: options.table,
      pending,
      oldestPendingMs,
      undispatched: stale.undispatched,
      unprocessed: stale.unprocessed,
      beyondMaxPerRun: stale.undispatched.count + stale.unprocessed.count > options.maxPerRun,
    }
  } catch (cause) {
    throw new ReversalError(
      'REVERSAL_STORE_UNAVAILABLE',
      `Counting pending rows of ${options.table} failed: ${String(cause)}`,
      { retryable: true, cause },
    )
  }
}
