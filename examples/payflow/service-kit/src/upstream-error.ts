const brand = Symbol.for('payflow/upstream-error')

/**
 * How a call to another service can fail without an answer.
 *
 * - `UPSTREAM_UNREACHABLE`: no connection was made; the request was certainly not executed.
 * - `UPSTREAM_INTERRUPTED`: the connection broke; it may have been executed.
 * - `UPSTREAM_TIMEOUT`: no answer in time; it may have been executed.
 * - `UPSTREAM_INVALID`: the answer is not what the contract says; it may have been executed.
 */
export type UpstreamErrorCode =
  | 'UPSTREAM_UNREACHABLE'
  | 'UPSTREAM_INTERRUPTED'
  | 'UPSTREAM_TIMEOUT'
  | 'UPSTREAM_INVALID'

/** Thrown when a service gave no (usable) answer. The call may be repeated if it is idempotent. */
export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode
  readonly retryable = true
  /** The name of the service that was called. */
  readonly upstream: string

  constructor(code: UpstreamErrorCode, upstream: string, detail: string, cause?: unknown) {
    super(`${upstream}: ${detail}`, { cause })
    this.name = 'UpstreamError'
    this.code = code
    this.upstream = upstream
    Object.defineProperty(this, brand, { value: true })
  }

  /** Tells whether `value` is an UpstreamError, also one of another copy of this module. */
  static is(value: unknown): value is UpstreamError {
    return typeof value === 'object' && value !== null && brand in value
  }
}
