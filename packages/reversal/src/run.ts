import type { Transaction } from 'kysely'
import { lookForMassReversal } from './look-for-mass-reversal.ts'
import { actionFor } from './mass-reversal.ts'
import type { MassReversal, MassReversalAction } from './mass-reversal.ts'
import { Pass } from './pass.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import type { RunProgress, RunResult } from './run-result.ts'
import { countStale } from './sql/count-pending.ts'
import { staleReasons } from './sql/scan-stale.ts'
import { asLogbookError, asStoreError } from './store-error.ts'
import { addCounts, beginRun, endRun, markMassReversal } from './sql/logbook.ts'
import type { Logbook, RowCounts } from './sql/logbook.ts'
import { inTime } from './transactions.ts'

/** Settings of one run. */
export interface RunOptions {
  /** Stops the run: rows being resolved are finished, none is begun. */
  readonly signal?: AbortSignal | undefined
  /**
   * What this run does when it meets a mass reversal: for an operator who has looked.
   *
   * @defaultValue the job's own `onMassReversal`
   */
  readonly onMassReversal?: MassReversalAction | undefined
  /** Called every two seconds while the run lasts. */
  readonly onProgress?: ((progress: RunProgress) => void) | undefined
}

/** How often a run tells how far it is. */
const PROGRESS_MS = 2_000

/** One pass over all rows that are stale now: bounded in rows, time and memory. */
export async function run(
  options: ResolvedReversalOptions,
  settings: RunOptions,
): Promise<RunResult> {
  const work = () => runOnce(options, settings)
  return await (options.telemetry?.running(options.table, work) ?? work())
}

async function runOnce(options: ResolvedReversalOptions, settings: RunOptions): Promise<RunResult> {
  const pass = new Pass(options, settings.signal, (counts) => writeCounts(options, counts))
  await inLogbook(options, beginRun)
  const { stale, massReversal } = await look(options, settings.onMassReversal)
  if (massReversal !== undefined) {
    options.emit({ type: 'mass_reversal', massReversal })
    await inLogbook(options, markMassReversal)
  }
  if (massReversal?.action === 'pause') pass.pause()
  const stopTelling = tellProgress(settings.onProgress, () => pass.progress(stale))
  try {
    for (const reason of staleReasons(options)) await pass.resolveAll(reason)
  } finally {
    stopTelling()
  }
  const result: RunResult = { ...pass.result(), massReversal }
  const { endedBy, failed } = result
  const success = endedBy === 'done' && failed === 0
  await inLogbook(options, (trx, book) => endRun(trx, book, { endedBy, success }))
  options.emit({ type: 'run_finished', result })
  return result
}

/** Whether there is anything to do, and whether it is so much that something else is wrong. */
async function look(
  options: ResolvedReversalOptions,
  asked: MassReversalAction = options.onMassReversal,
): Promise<{ readonly stale: number; readonly massReversal: MassReversal | undefined }> {
  return await asStoreError(`Counting stale rows of ${options.table}`, async () => {
    const stale = await inTime(options, (trx) => countStale(trx, options))
    // A run without work reads no more than two empty index ranges.
    if (stale === 0) return { stale, massReversal: undefined }
    const signs = await lookForMassReversal(options, stale)
    if (signs.causes.length === 0) return { stale, massReversal: undefined }
    return { stale, massReversal: { ...signs, action: actionFor(signs, asked) } }
  })
}

async function writeCounts(options: ResolvedReversalOptions, counts: RowCounts): Promise<void> {
  if (Object.values(counts).every((count) => count === 0)) return
  await inLogbook(options, (trx, book) => addCounts(trx, book, counts))
}

async function inLogbook(
  options: ResolvedReversalOptions,
  work: (trx: Transaction<any>, book: Logbook) => Promise<void>,
): Promise<void> {
  const { logbook } = options
  if (logbook === undefined) return
  await asLogbookError(logbook.schema, () => inTime(options, (trx) => work(trx, logbook)))
}

function tellProgress(
  onProgress: RunOptions['onProgress'],
  progress: () => RunProgress,
): () => void {
  if (onProgress === undefined) return () => {}
  const timer = setInterval(() => onProgress(progress()), PROGRESS_MS).unref()
  return () => clearInterval(timer)
}
