import { ReversalError } from './errors.ts'

/**
 * Runs `work` with a signal that is aborted after `timeoutMs`. Rejects at that moment even when the
 * work ignores its signal: one hanging call must not hold up a job that others wait for.
 */
export async function withDeadline<T>(
  what: string,
  timeoutMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const { promise: expired, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new ReversalError(
      'REVERSAL_RESOLVE_TIMEOUT',
      `${what} gave no answer within ${timeoutMs} ms; the row stays pending`,
      { retryable: true },
    )
    controller.abort(error)
    reject(error)
  }, timeoutMs)
  try {
    return await Promise.race([work(controller.signal), expired])
  } finally {
    clearTimeout(timer)
  }
}
