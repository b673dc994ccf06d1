/**
 * Stable codes of {@link IdempotencyError}.
 *
 * - `IDEMPOTENCY_OPTIONS_INVALID`: an option is outside its range; thrown while starting.
 * - `IDEMPOTENCY_SCOPE_MISSING`: the scope function gave no text; nothing was executed.
 * - `IDEMPOTENCY_KEY_INVALID`: `execute`, `begin` or the client was given a key that is refused.
 * - `IDEMPOTENCY_KEY_NOT_KEPT`: the client could not keep the key of an action; nothing was sent.
 * - `IDEMPOTENCY_PAYLOAD_TOO_LARGE`: the payload is too large or too deep to be compared.
 * - `IDEMPOTENCY_BODY_NOT_PARSED`: the middleware runs before a body parser; an empty body would be
 *   compared.
 * - `IDEMPOTENCY_STORE_UNAVAILABLE`: the store gave no answer within its deadline.
 * - `IDEMPOTENCY_STORE_UNSAFE`: the store answers, and is set up so that it may forget claims.
 * - `IDEMPOTENCY_LEASE_LOST`: the claim belongs to another owner now, or may do so.
 * - `IDEMPOTENCY_KEY_REUSED`: the guard has the effect of another request under this key.
 * - `IDEMPOTENCY_GUARD_UNFINISHED`: the guard was taken by work that never finished, or is taken in
 *   this transaction already.
 * - `IDEMPOTENCY_GUARD_NOT_MIGRATED`: the guard's table is missing or too old.
 * - `IDEMPOTENCY_RESULT_INVALID`: the result of guarded work, of a recovery or of an operator cannot be
 *   stored.
 * - `IDEMPOTENCY_STEP_INVALID`: a step's name or result cannot be recorded, or there are too many.
 * - `IDEMPOTENCY_RECORD_UNREADABLE`: a record is corrupt, or was written by a newer version.
 * - `IDEMPOTENCY_CURSOR_INVALID`: a listing cannot go on from this cursor; begin a new one.
 */
export type IdempotencyErrorCode =
  | 'IDEMPOTENCY_OPTIONS_INVALID'
  | 'IDEMPOTENCY_SCOPE_MISSING'
  | 'IDEMPOTENCY_KEY_INVALID'
  | 'IDEMPOTENCY_KEY_NOT_KEPT'
  | 'IDEMPOTENCY_PAYLOAD_TOO_LARGE'
  | 'IDEMPOTENCY_BODY_NOT_PARSED'
  | 'IDEMPOTENCY_STORE_UNAVAILABLE'
  | 'IDEMPOTENCY_STORE_UNSAFE'
  | 'IDEMPOTENCY_LEASE_LOST'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'IDEMPOTENCY_GUARD_UNFINISHED'
  | 'IDEMPOTENCY_GUARD_NOT_MIGRATED'
  | 'IDEMPOTENCY_RESULT_INVALID'
  | 'IDEMPOTENCY_STEP_INVALID'
  | 'IDEMPOTENCY_RECORD_UNREADABLE'
  | 'IDEMPOTENCY_CURSOR_INVALID'

const brand = Symbol.for('@payflow/idempotency.error')
const retryableCodes: ReadonlySet<IdempotencyErrorCode> = new Set([
  'IDEMPOTENCY_STORE_UNAVAILABLE',
  'IDEMPOTENCY_KEY_NOT_KEPT',
])

/** The one error class of this package; `code` tells what to do. */
export class IdempotencyError extends Error {
  override readonly name = 'IdempotencyError'
  readonly code: IdempotencyErrorCode
  /** True when the same call may succeed later without a change. */
  readonly retryable: boolean

  constructor(code: IdempotencyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    Object.defineProperty(this, brand, { value: true })
    this.code = code
    this.retryable = retryableCodes.has(code)
  }

  /** Recognises the error across duplicate installations, where `instanceof` does not. */
  static is(value: unknown): value is IdempotencyError {
    return typeof value === 'object' && value !== null && brand in value
  }
}
