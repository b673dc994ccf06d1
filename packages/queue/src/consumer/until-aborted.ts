import { QueueError } from '../errors.ts'

/**
 * Runs user code until it settles, or until its time is up. Code that ignores the signal runs on, but
 * nothing waits for it and its queries are refused. What has aborted before begins nothing. A lost
 * channel only signals: what the handler has begun may still commit, and the redelivery will find it
 * committed.
 *
 * @param step - `next` when something was begun before, whose result would be lost without this: then
 * a lost channel does not keep it from beginning, either.
 */
export async function untilAborted<T>(
  signal: AbortSignal,
  work: () => Promise<T>,
  step: 'first' | 'next' = 'first',
): Promise<T> {
  if (signal.aborted && (step === 'first' || !isLost(signal.reason))) throw signal.reason
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  aborted.catch(() => {})
  const onAbort = (): void => {
    if (!isLost(signal.reason)) reject(signal.reason)
  }
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work(), aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function isLost(reason: unknown): boolean {
  return QueueError.is(reason) && reason.code === 'QUEUE_DELIVERY_LOST'
}
