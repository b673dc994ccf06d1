import { setTimeout as delay } from 'node:timers/promises'

/** Bounds of an exponential back-off. */
export interface BackoffOptions {
  readonly baseMs: number
  readonly maxMs: number
}

/**
 * The wait before try number `failures` + 1: doubles up to `maxMs`, then anything between half of
 * that and all of it, so that processes which lost one broker together don't return together.
 */
export function backoffMs(failures: number, { baseMs, maxMs }: BackoffOptions): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(failures, 30))
  return Math.round(ceiling * (0.5 + Math.random() * 0.5))
}

/** Waits; resolves early, without an error, when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Resolves with the first of these, or when the signal aborts; leaves nothing behind at the signal. */
export async function firstOf<T>(
  promises: readonly Promise<T>[],
  signal: AbortSignal,
): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const onAbort = (): void => resolve(undefined)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([...promises, late])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
