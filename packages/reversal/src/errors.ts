/** Stable codes of {@link ReversalError}. */
export type ReversalErrorCode =
  | 'REVERSAL_INVALID_OPTION'
  | 'REVERSAL_INVALID_CONFIG'
  | 'REVERSAL_INVALID_OUTCOME'
  | 'REVERSAL_RESOLVE_TIMEOUT'
  | 'REVERSAL_UNEXPECTED_ANSWER'
  | 'REVERSAL_STORE_UNAVAILABLE'
  | 'REVERSAL_NOT_MIGRATED'

const brand = Symbol.for('@payflow/reversal.error')

/**
 * Every error this package throws.
 *
 * `code` is stable and made for branching; the message is made for people and may change.
 * `retryable` says whether the same call can succeed later without a change of code or settings.
 */
export class ReversalError extends Error {
  override readonly name: string = 'ReversalError'
  readonly code: ReversalErrorCode
  readonly retryable: boolean

  constructor(
    code: ReversalErrorCode,
    message: string,
    options: { readonly retryable?: boolean; readonly cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? false
    Object.defineProperty(this, brand, { value: true })
  }

  /** True for any `ReversalError`, also one from another installed copy of this package. */
  static is(value: unknown): value is ReversalError {
    return typeof value === 'object' && value !== null && brand in value
  }
}
