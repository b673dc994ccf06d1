import { IdempotencyError } from '../errors.ts'

/**
 * Settles within the deadline, whatever the call does. The call itself cannot be taken back: it may
 * still run on the server later, and who gives it up has to care for that.
 */
export function withinDeadline<T>(call: Promise<T>, deadlineMs: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new IdempotencyError(
          'IDEMPOTENCY_STORE_UNAVAILABLE',
          `Redis did not answer '${what}' within ${deadlineMs} ms`,
        ),
      )
    }, deadlineMs)
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
