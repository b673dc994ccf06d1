import { QueueError } from '../errors.ts'

/**
 * Runs user code until it settles, or until its time is up. Code that ignores the signal runs on, but
 * nothing waits for it and its queries are refused. A lost channel only signals: what the handler
 * has begun may still commit, and the redelivery will find it committed.
 */
export async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => {})
  const onAbort = (): void => {
    const { reason } = signal
    if (!QueueError.is(reason) || reason.code !== 'QUEUE_DELIVERY_LOST') reject(reason)
  }
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work(), aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
