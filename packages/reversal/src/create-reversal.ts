import { ReversalError } from './errors.ts'
import type { ReversalOptions } from './options.ts'
import { report } from './report.ts'
import type { ReversalReport } from './report.ts'
import { resolveOptions } from './resolve-options.ts'
import { run } from './run.ts'
import type { RunResult } from './run-result.ts'
import { watch } from './watch.ts'
import type { WatchOptions } from './watch.ts'

/** A job that ends stale rows. Holds no connection of its own and nothing to close. */
export interface Reversal {
  /**
   * Looks at every row that is stale now, once, and settles those that `resolve` gives an end.
   *
   * Safe at any time: two runs at once, on one machine or several, settle each row once; a run
   * killed at any moment leaves nothing to clean up, the next one goes on. Rows that fail are
   * counted, reported as events, and left pending.
   *
   * @throws {@link ReversalError} with code `REVERSAL_STORE_UNAVAILABLE` (retryable) when the table
   * can't be read. What was settled before stays settled.
   */
  run(options?: { readonly signal?: AbortSignal | undefined }): Promise<RunResult>
  /**
   * Runs again and again until the signal is aborted, then resolves. A run that fails, because the
   * database is away for example, is reported as the event `run_failed`; the loop goes on.
   *
   * @throws {@link ReversalError} with code `REVERSAL_INVALID_OPTION` for settings out of range.
   */
  watch(options?: WatchOptions): Promise<void>
  /**
   * Says what a run would look at now, without resolving or writing anything.
   *
   * @throws {@link ReversalError} with code `REVERSAL_STORE_UNAVAILABLE` (retryable).
   */
  report(): Promise<ReversalReport>
}

/**
 * Makes a job that finds rows stuck in the pending status and ends each exactly once: it asks
 * `resolve` how the row ends, then records the answer by compare-and-set, with `onResolved` in the
 * same transaction.
 *
 * Guarantees:
 * - A row is settled at most once, whoever else writes to it, as long as every other writer also
 *   compares the pending status in its UPDATE and looks at the row count.
 * - The status and all that `onResolved` writes through `trx` commit together or not at all.
 * - Only the database's clock decides what is stale; the clocks of job machines don't matter.
 * - No lock and no transaction is open while `resolve` runs.
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
    run: ({ signal } = {}) => run(resolved, signal),
    watch: async (settings = {}) => {
      const { intervalMs = 60_000, jitterRatio = 0.1 } = settings
      checkRange('intervalMs', intervalMs, 10, 86_400_000)
      checkRange('jitterRatio', jitterRatio, 0, 1)
      await watch(resolved, { ...settings, intervalMs, jitterRatio })
    },
    report: () => report(resolved),
  }
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return
  throw new ReversalError(
    'REVERSAL_INVALID_OPTION',
    `Invalid option of watch: ${name} must be from ${min} to ${max}, not ${value}`,
  )
}
