/** What a handler can ask and tell about the execution it is in. */
export interface IdempotencyContext {
  /** The key, canonical (without the quotes of a structured-field string). */
  readonly key: string
  /** The record's id: a hash over scope, operation and key, safe to print and to store. */
  readonly id: string
  /** SHA-256 of what must be equal in a retry, 32 bytes. */
  readonly fingerprint: Uint8Array
  /** 1 for the first execution; more when an earlier owner's claim lapsed. */
  readonly attempt: number
  /**
   * Grows with every claim of this key, also outside the store: `UPDATE … WHERE fence <= $1`
   * refuses a stale owner. 0 when {@link degraded}.
   */
  readonly fence: number
  /**
   * True when the store could not be asked and `onStoreFailure: 'open'` let the request go on:
   * nothing protects it here, the next system has to.
   */
  readonly degraded: boolean
  /** Aborted when the claim is lost, or can no longer be known to be held. */
  readonly signal: AbortSignal
  /**
   * Says that the effect begins now. Before it, a lapsed claim is executed again; after it, a lapse
   * is indeterminate. Costs one round trip, once. Does nothing where `commitPoint` is `'start'`.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_LEASE_LOST` (another owner took over) or
   * `IDEMPOTENCY_STORE_UNAVAILABLE`; in both cases the effect must not begin.
   */
  commitPoint(): Promise<void>
  /** Overrides the status policy for this execution. */
  setOutcome(outcome: SettledOutcome): void
  /**
   * A key for a downstream call: the same in every attempt of this operation, different for
   * different parts, and not to be turned back into the client's key.
   */
  deriveKey(...parts: readonly string[]): string
}

/**
 * How an execution ends in the store.
 *
 * - `store`: keep the result, replay it until the retention ends.
 * - `release`: forget the claim, the next request executes.
 * - `indeterminate`: keep the key blocked, the effect may have happened.
 */
export type SettledOutcome = 'store' | 'release' | 'indeterminate'
