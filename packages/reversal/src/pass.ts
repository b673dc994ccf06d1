import type { RowOutcome, StaleReason } from './outcome.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import type { RunEnd, RunProgress, RunResult } from './run-result.ts'
import { settleStaleRow } from './settle-stale-row.ts'
import type { StaleEntry } from './settle-stale-row.ts'
import type { RowCounts } from './sql/logbook.ts'
import { scanStale } from './sql/scan-stale.ts'
import type { ScannedRow, ScanPosition } from './sql/scan-stale.ts'
import { asStoreError } from './store-error.ts'
import { inTime } from './transactions.ts'

const zero = (): Record<RowOutcome, number> => ({
  reversed: 0,
  completed: 0,
  not_yet: 0,
  lost: 0,
  failed: 0,
})

/** The rows of one run: batch after batch, each row once, until a guard says stop. */
export class Pass {
  readonly #options: ResolvedReversalOptions
  readonly #signal: AbortSignal | undefined
  readonly #onBatch: (counts: RowCounts) => Promise<void>
  readonly #counts = zero()
  #batchCounts = zero()
  // A monotonic clock of this process measures how long we worked. It decides about no row.
  readonly #startedAtMs = performance.now()
  // Rows that are being resolved may all be settled, so they count against `maxPerRun` already.
  #underway = 0
  #endedBy: RunEnd = 'done'

  constructor(
    options: ResolvedReversalOptions,
    signal: AbortSignal | undefined,
    onBatch: (counts: RowCounts) => Promise<void>,
  ) {
    this.#options = options
    this.#signal = signal
    this.#onBatch = onBatch
  }

  /** Nothing is to be decided. */
  pause(): void {
    this.#endedBy = 'paused'
  }

  async resolveAll(reason: StaleReason): Promise<void> {
    const { batchSize, probe, table } = this.#options
    let position: ScanPosition | undefined
    while (this.#endedBy === 'done') {
      const batch = await asStoreError(`Reading stale rows of ${table}`, () =>
        inTime(this.#options, (trx) =>
          scanStale(trx, this.#options, { reason, after: position, limit: batchSize }),
        ),
      )
      await probe('reversal.scanned', { reason, count: batch.length })
      await this.#resolveBatch(reason, batch)
      if (batch.length < batchSize) return
      position = batch.at(-1)?.position
    }
  }

  async #resolveBatch(reason: StaleReason, batch: readonly ScannedRow[]): Promise<void> {
    let begun = 0
    const lane = async (): Promise<void> => {
      for (let next = batch[begun]; next !== undefined; next = batch[begun]) {
        if (this.#guard() !== undefined) return
        begun += 1
        this.#underway += 1
        const outcome = await this.#settle({ id: next.position.id, row: next.row, reason })
        this.#underway -= 1
        this.#counts[outcome] += 1
        this.#batchCounts[outcome] += 1
      }
    }
    await Promise.all(Array.from({ length: this.#options.concurrency }, lane))
    const counts = this.#batchCounts
    this.#batchCounts = zero()
    await this.#onBatch(counts)
    // Now nothing is underway, so the guard that stopped the last lane still says the same.
    if (begun < batch.length) this.#endedBy = this.#guard() ?? 'done'
  }

  #settle(entry: StaleEntry): Promise<RowOutcome> {
    const work = () => settleStaleRow(this.#options, entry)
    const { id, reason } = entry
    return this.#options.telemetry?.settling({ id, reason }, work) ?? work()
  }

  /** The guard that forbids to begin a further row, if one does. */
  #guard(): Exclude<RunEnd, 'done' | 'paused'> | undefined {
    const { maxPerRun, timeBudgetMs } = this.#options
    if (this.#signal?.aborted === true) return 'signal'
    const settled = this.#counts.reversed + this.#counts.completed
    if (settled + this.#underway >= maxPerRun) return 'max_per_run'
    if (performance.now() - this.#startedAtMs >= timeBudgetMs) return 'time_budget'
    return undefined
  }

  progress(stale: number): RunProgress {
    const { scanned, reversed, completed, failed, durationMs } = this.result()
    return { stale, scanned, settled: reversed + completed, failed, elapsedMs: durationMs }
  }

  result(): Omit<RunResult, 'massReversal'> {
    const { reversed, completed, not_yet: notYet, lost, failed } = this.#counts
    const scanned = reversed + completed + notYet + lost + failed
    const durationMs = Math.round(performance.now() - this.#startedAtMs)
    const endedBy = this.#endedBy
    return { scanned, reversed, completed, notYet, lost, failed, endedBy, durationMs }
  }
}
