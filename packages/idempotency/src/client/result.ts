/**
 * Why a request was refused without executing it.
 *
 * - `idempotency_key_reused`: the key belongs to another request. A defect, or two actions under
 *   one name.
 * - `idempotency_key_missing`, `idempotency_key_invalid`: the server wants another header or form.
 * - `idempotency_key_expired`: the key is older than what the server remembers; whether it was
 *   executed then has to be looked up.
 * - `idempotency_request_too_large`, `idempotency_body_unreadable`: the request itself.
 */
export type RefusalCode =
  | 'idempotency_key_reused'
  | 'idempotency_key_missing'
  | 'idempotency_key_invalid'
  | 'idempotency_key_expired'
  | 'idempotency_request_too_large'
  | 'idempotency_body_unreadable'

/**
 * Why nobody knows, on this side, what became of the request.
 *
 * - `attempts`: `attemptsMax` attempts without an answer that settles it.
 * - `deadline`: no time is left for another attempt.
 * - `aborted`: the caller's signal.
 * - `unconfirmed`: an earlier attempt may have been executed, and what came now (a 401, say) is not
 *   the stored answer to it.
 * - `response_too_large`: executed, but its answer is larger than `responseMaxBytes`.
 */
export type UnknownReason =
  | 'attempts'
  | 'deadline'
  | 'aborted'
  | 'unconfirmed'
  | 'response_too_large'

interface ResultBase {
  /** The key all attempts were made with. */
  readonly key: string
  /** How many attempts this call made. 0: nothing was sent. */
  readonly attempts: number
}

/**
 * What is known of a request; `outcome` decides.
 *
 * - `answered`: this is the answer to this action, whatever its status.
 * - `refused`: not executed by this call; asking again does not help.
 * - `indeterminate`: the server was cut off while it worked and does not know itself. Look the
 *   action up; never send it with another key.
 * - `unknown`: no answer arrived. Send the same request with the same key or action, later.
 */
export type FetchResult =
  | (ResultBase & {
      readonly outcome: 'answered'
      /** Read completely: taking its body cannot fail any more. */
      readonly response: Response
      /** True when the server gave the stored answer of an earlier attempt. */
      readonly replayed: boolean
      /** True when the server stored that it answered, but not the body. */
      readonly bodyOmitted: boolean
      /** True when the server executed without its own protection (`onStoreFailure: 'open'`). */
      readonly degraded: boolean
    })
  | (ResultBase & {
      readonly outcome: 'refused'
      readonly code: RefusalCode
      readonly response: Response
    })
  | (ResultBase & { readonly outcome: 'indeterminate'; readonly response: Response })
  | (ResultBase & {
      readonly outcome: 'unknown'
      readonly reason: UnknownReason
      /** The last answer, if the last attempt had one. */
      readonly response?: Response
      /** Why the last attempt had none. */
      readonly cause?: unknown
      /** How long the server asked to wait, in milliseconds, if it did. */
      readonly retryAfterMs?: number
    })
