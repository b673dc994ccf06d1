import { setTimeout as pause } from 'node:timers/promises'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import { run } from './run.ts'
import type { RunResult } from './run-result.ts'

/** Settings of `watch`. */
export interface WatchOptions {
  /**
   * From the start of one run to the start of the next, in milliseconds. A run that takes longer
   * is followed by the next without a pause worth mentioning; two runs never overlap. 10 ms to a
   * day.
   *
   * @defaultValue 60_000
   */
  readonly intervalMs?: number | undefined
  /**
   * By how much, as a share of the interval, each pause is lengthened or shortened at random, so
   * that several jobs started together drift apart. 0 to 1.
   *
   * @defaultValue 0.1
   */
  readonly jitterRatio?: number | undefined
  /** Called after each run that came to its end. */
  readonly onRun?: ((result: RunResult) => void) | undefined
  /** Called after each run that could not go on. */
  readonly onRunFailed?: ((error: unknown) => void) | undefined
  /** Stops the loop: rows being resolved are finished, none is begun. */
  readonly signal?: AbortSignal | undefined
}

export async function watch(
  options: ResolvedReversalOptions,
  settings: WatchOptions & { readonly intervalMs: number; readonly jitterRatio: number },
): Promise<void> {
  const { intervalMs, jitterRatio, signal } = settings
  while (signal?.aborted !== true) {
    const startedAtMs = performance.now()
    try {
      const result = await run(options, { signal })
      settings.onRun?.(result)
    } catch (error) {
      // The database may be away for a while; a job that gave up would have to be noticed first.
      options.emit({ type: 'run_failed', error })
      settings.onRunFailed?.(error)
    }
    const jitter = 1 + jitterRatio * (2 * Math.random() - 1)
    const pauseMs = intervalMs * jitter - (performance.now() - startedAtMs)
    await pauseUnlessAborted(Math.max(0, pauseMs), signal)
  }
}

async function pauseUnlessAborted(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await pause(ms, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    if (signal?.aborted !== true) throw error
  }
}
