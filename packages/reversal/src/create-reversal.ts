import { ReversalError } from './errors.ts'
import { readHealth } from './health.ts'
import type { HealthOptions, ReversalHealth } from './health.ts'
import { readMetrics } from './metrics.ts'
import type { ReversalMetrics } from './metrics.ts'
import type { ReversalOptions } from './options.ts'
import { report } from './report.ts'
import type { ReportOptions, ReversalReport } from './report.ts'
import { resolveOptions } from './resolve-options.ts'
import { run } from './run.ts'
import type { RunOptions } from './run.ts'
import type { RunResult } from './run-result.ts'
import { watch } from './watch.ts'
import type { WatchOptions } from './watch.ts'

/** A job that ends stale rows. Holds no connection of its own and nothing to close. */
export interface Reversal {
  /**
   * Looks at every row that is stale now, once, and settles those that are given an end.
   *
   * Safe at any time: two runs at once, on one machine or several, settle each row once; a run
   * killed at any moment leaves nothing to clean up, the next one goes on. Rows that fail are
   * counted, reported as events, and left pending.
   *
   * @throws {@link ReversalError} with code `REVERSAL_STORE_UNAVAILABLE` (retryable) when the table
   * can't be read, or `REVERSAL_NOT_MIGRATED` when the logbook has no table. What was settled
   * before stays settled.
   */
  run(options?: RunOptions): Promise<RunResult>
  /**
   * Runs again and again until the signal is aborted, then resolves. A run that fails, because the
   * database is away for example, is reported as the event `run_failed`; the loop goes on.
   *
   * @throws {@link ReversalError} with code `REVERSAL_INVALID_OPTION` for settings out of range.
   */
  watch(options?: WatchOptions): Promise<void>
  /**
   * Says what a run would look at now, row by row, without resolving or writing anything.
   *
   * @throws {@link ReversalError} with code `REVERSAL_STORE_UNAVAILABLE` (retryable),
   * `REVERSAL_NOT_MIGRATED`, or `REVERSAL_INVALID_OPTION`.
   */
  report(options?: ReportOptions): Promise<ReversalReport>
  /**
   * Reads what a monitor wants to know from the database: what is pending, for how long, whether it
   * is a mass reversal, and, with the option `logbook`, what all runs did and when. Give it to a
   * long-lived service that makes the same job and never runs it. Reads one range of each index of
   * the README, and locks nothing.
   *
   * @throws {@link ReversalError} with code `REVERSAL_STORE_UNAVAILABLE` (retryable) or
   * `REVERSAL_NOT_MIGRATED`.
   */
  metrics(): Promise<ReversalMetrics>
  /**
   * The same with a verdict.
   *
   * @throws as {@link Reversal.metrics}.
   */
  health(options?: HealthOptions): Promise<ReversalHealth>
}

/**
 * Makes a job that finds rows stuck in the pending status and ends each exactly once: it asks how
 * the row ends, and records the answer by compare-and-set, with `onResolved` in the same
 * transaction.
 *
 * Guarantees:
 * - A row is settled at most once, whoever else writes to it, as long as every other writer also
 *   compares the pending status in its UPDATE and looks at the row count.
 * - The status and all that `onResolved` writes through `trx` commit together or not at all; with
 *   `resolveInTransaction`, the decision too.
 * - Only the database's clock decides what is stale; the clocks of job machines don't matter.
 * - No lock and no transaction is open while `resolve` runs.
 * - A mass reversal is told by an event, by the result and by `metrics`, whatever is done about it.
 *
 * It does not guarantee that `resolve` is called once: it is called at least once, and more often
 * after a crash or beside a second job. That is why its answer must be final.
 *
 * {@includeCode ../examples/reverse-your-own-table.ts#main}
 *
 * @throws {@link ReversalError} with code `REVERSAL_INVALID_OPTION`, at once.
 */
export function createReversal<DB, T extends keyof DB & string>(
  options: ReversalOptions<DB, T>,
): Reversal {
  const resolved = resolveOptions(options)
  return {
    run: (settings = {}) => run(resolved, settings),
    watch: async (settings = {}) => {
      const { intervalMs = 60_000, jitterRatio = 0.1 } = settings
      checkRange('intervalMs', intervalMs, 10, 86_400_000)
      checkRange('jitterRatio', jitterRatio, 0, 1)
      await watch(resolved, { ...settings, intervalMs, jitterRatio })
    },
    report: async (settings = {}) => await report(resolved, settings),
    metrics: () => readMetrics(resolved),
    health: (settings = {}) => readHealth(resolved, settings),
  }
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return
  throw new ReversalError(
    'REVERSAL_INVALID_OPTION',
    `Invalid option of watch: ${name} must be from ${min} to ${max}, not ${value}`,
  )
}
