import { IdempotencyError } from '../errors.ts'

/**
 * Settles within the deadline, whatever the call does. The call itself cannot be taken back: it may
 * still run on the server later, and who gives it up has to care for that.
 *
 * When the event loop was blocked, the time is over before the answer that has arrived was read.
 * So the sockets are read once more before an answer counts as missing.
 */
export function withinDeadline<T>(call: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      reject(
        new IdempotencyError(
          'IDEMPOTENCY_STORE_UNAVAILABLE',
          `Redis did not answer '${what}' within ${deadlineMs} ms`,
        ),
      )
    }
    const timer = setTimeout(() => setImmediate(giveUp), deadlineMs)
    call.then(
      (value) => {
        clearTimeout(timer)
        resolve(value)
      },
      (error: unknown) => {
        clearTimeout(timer)
        reject(error)
      },
    )
  })
}
