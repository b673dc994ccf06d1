/** Thrown by a handler to be tried again after a delay. Made by {@link retryAfter}. */
export interface RetryAfterSignal extends Error {
  readonly delayMs: number
}

/** Thrown by a handler to park the message at once. Made by {@link deadLetter}. */
export interface DeadLetterSignal extends Error {
  readonly reason: string
}

class RetryAfter extends Error implements RetryAfterSignal {
  override readonly name = 'RetryAfter'
  readonly delayMs: number

  constructor(delayMs: number, cause?: unknown) {
    super(`Try again after ${delayMs} ms`, cause === undefined ? undefined : { cause })
    this.delayMs = delayMs
  }
}

class DeadLetter extends Error implements DeadLetterSignal {
  override readonly name = 'DeadLetter'
  readonly reason: string

  constructor(reason: string, cause?: unknown) {
    super(`Can't be handled: ${reason}`, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/**
 * `throw retryAfter(30_000, cause)`: roll back and try again after about that many ms.
 *
 * The wait is one of the consumer's `retry.delaysMs`: the shortest that is not shorter, else the
 * longest. It counts as a failed attempt.
 */
export function retryAfter(delayMs: number, cause?: unknown): RetryAfterSignal {
  if (!Number.isFinite(delayMs) || delayMs < 0) {
    throw new RangeError(`retryAfter: delayMs must be 0 or more, got ${delayMs}`)
  }
  return new RetryAfter(delayMs, cause)
}

/** `throw deadLetter('bad-iban', cause)`: roll back and park the message with that reason. */
export function deadLetter(reason: string, cause?: unknown): DeadLetterSignal {
  return new DeadLetter(reason.slice(0, 200), cause)
}

/** @internal */
export function isRetryAfter(error: unknown): error is RetryAfterSignal {
  return error instanceof RetryAfter
}

/** @internal */
export function isDeadLetter(error: unknown): error is DeadLetterSignal {
  return error instanceof DeadLetter
}
