import { ReversalError } from './errors.ts'
import type { RowOutcome, StaleReason } from './outcome.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import type { RunEnd, RunResult } from './run-result.ts'
import { settleStaleRow } from './settle-stale-row.ts'
import { scanStale, staleReasons } from './sql/scan-stale.ts'
import type { ScannedRow, ScanPosition } from './sql/scan-stale.ts'

/** One pass over all rows that are stale now: bounded in rows, time and memory. */
export async function run(
  options: ResolvedReversalOptions,
  signal: AbortSignal | undefined,
): Promise<RunResult> {
  const pass = new Pass(options, signal)
  for (const reason of staleReasons(options)) {
    await pass.resolveAll(reason)
  }
  const result = pass.result()
  options.emit({ type: 'run_finished', result })
  return result
}

class Pass {
  readonly #options: ResolvedReversalOptions
  readonly #signal: AbortSignal | undefined
  readonly #counts: Record<RowOutcome, number>
  // A monotonic clock of this process measures how long we worked. It decides about no row.
  readonly #startedAtMs = performance.now()
  // Rows that are being resolved may all be settled, so they count against `maxPerRun` already.
  #underway = 0
  #endedBy: RunEnd = 'done'

  constructor(options: ResolvedReversalOptions, signal: AbortSignal | undefined) {
    this.#options = options
    this.#signal = signal
    this.#counts = { reversed: 0, completed: 0, not_yet: 0, lost: 0, failed: 0 }
  }

  async resolveAll(reason: StaleReason): Promise<void> {
    const { batchSize, probe } = this.#options
    let position: ScanPosition | undefined
    while (this.#endedBy === 'done') {
      const batch = await this.#scan(reason, position)
      await probe('reversal.scanned', { reason, count: batch.length })
      await this.#resolveBatch(reason, batch)
      if (batch.length < batchSize) return
      position = batch.at(-1)?.position
    }
  }

  async #scan(
    reason: StaleReason,
    after: ScanPosition | undefined,
  ): Promise<readonly ScannedRow[]> {
    try {
      return await scanStale(this.#options, reason, after, this.#options.batchSize)
    } catch (cause) {
      throw new ReversalError(
        'REVERSAL_STORE_UNAVAILABLE',
        `Reading stale rows of ${this.#options.table} failed: ${String(cause)}`,
        { retryable: true, cause },
      )
    }
  }

  async #resolveBatch(reason: StaleReason, batch: readonly ScannedRow[]): Promise<void> {
    let begun = 0
    const lane = async (): Promise<void> => {
      for (let next = batch[begun]; next !== undefined; next = batch[begun]) {
        if (this.#guard() !== undefined) return
        begun += 1
        this.#underway += 1
        const entry = { id: next.position.id, row: next.row, reason }
        const outcome = await settleStaleRow(this.#options, entry)
        this.#underway -= 1
        this.#counts[outcome] += 1
      }
    }
    await Promise.all(Array.from({ length: this.#options.concurrency }, lane))
    // Now nothing is underway, so the guard that stopped the last lane still says the same.
    if (begun < batch.length) this.#endedBy = this.#guard() ?? 'done'
  }

  /** The guard that forbids to begin a further row, if one does. */
  #guard(): Exclude<RunEnd, 'done'> | undefined {
    const { maxPerRun, timeBudgetMs } = this.#options
    if (this.#signal?.aborted === true) return 'signal'
    const settled = this.#counts.reversed + this.#counts.completed
    if (settled + this.#underway >= maxPerRun) return 'max_per_run'
    if (performance.now() - this.#startedAtMs >= timeBudgetMs) return 'time_budget'
    return undefined
  }

  result(): RunResult {
    const { reversed, completed, not_yet: notYet, lost, failed } = this.#counts
    const scanned = reversed + completed + notYet + lost + failed
    const durationMs = Math.round(performance.now() - this.#startedAtMs)
    return {
      scanned,
      reversed,
      completed,
      notYet,
      lost,
      failed,
      endedBy: this.#endedBy,
      durationMs,
    }
  }
}
