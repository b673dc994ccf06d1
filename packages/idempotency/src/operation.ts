import type { IdempotencyContext } from './context.ts'
import type { IdempotencyError } from './errors.ts'
import type { IndeterminateReason } from './store.ts'

/** One keyed piece of work. Two requests with the same scope, name and key are the same work. */
export interface Operation<Request> {
  /** What is done, for example `POST /payments`. The same key under another name is other work. */
  readonly name: string
  /** The client's key, already checked by a key policy or from a source you trust. */
  readonly key: string
  /** Handed to the `scope` function. */
  readonly request?: Request
  /** The scope itself; replaces the call of the `scope` function. */
  readonly scope?: string
  /** What must be equal in a retry. Any JSON value, or bytes. Read once, when the claim is made. */
  readonly payload?: unknown
}

/** What to do with a request. Exactly one of these, in one round trip to the store. */
export type Decision =
  | { readonly decision: 'execute'; readonly claim: Claim }
  | { readonly decision: 'replay'; readonly payload: Uint8Array; readonly omitted: boolean }
  | { readonly decision: 'in_progress'; readonly retryAfterMs: number }
  | { readonly decision: 'mismatch' }
  | { readonly decision: 'expired' }
  | { readonly decision: 'indeterminate'; readonly reason: IndeterminateReason }
  | { readonly decision: 'unavailable'; readonly cause: IdempotencyError }

/** The ownership of one operation. Its lease is renewed until one of the three ends is called. */
export interface Claim {
  /** Made when it is first asked for. */
  readonly context: IdempotencyContext
  /** True when nothing is recorded; the same as `context.degraded`. */
  readonly degraded: boolean
  /** True once the effect may have happened. */
  readonly committed: boolean
  /** The outcome the handler asked for, if it did. */
  readonly requestedOutcome: 'store' | 'release' | 'indeterminate' | undefined
  /**
   * Stores the result. Resolves within the store's deadline and never rejects: a failure is an
   * event, is tried again in the background, and must not take the result from the caller.
   */
  complete(payload: Uint8Array, options?: { readonly omitted?: boolean }): Promise<void>
  /** Forgets the claim, so that the next request executes. Never rejects. */
  release(): Promise<void>
  /** Declares the outcome unknown. Never rejects. */
  abandon(): Promise<void>
  /** Stops renewing without an end: the lease lapses by itself. */
  stop(): void
}

/** Result of `execute`; `outcome` decides. */
export type Outcome<T> =
  | { readonly outcome: 'executed'; readonly value: T; readonly context: IdempotencyContext }
  | { readonly outcome: 'replayed'; readonly omitted: false; readonly value: T }
  | { readonly outcome: 'replayed'; readonly omitted: true }
  | { readonly outcome: 'in_progress'; readonly retryAfterMs: number }
  | { readonly outcome: 'mismatch' }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'indeterminate'; readonly reason: IndeterminateReason }
  | { readonly outcome: 'unavailable'; readonly cause: IdempotencyError }
