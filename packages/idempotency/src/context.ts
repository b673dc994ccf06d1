/** What a handler can ask and tell about the execution it is in. */
export interface IdempotencyContext {
  /**
   * Record id: SHA-256 over scope, operation and key, as 32 characters. Safe in a log, and a good
   * primary key for what the next system keeps about this action.
   */
  readonly id: string
  /** The key, canonical (without the quotes of a structured-field string). */
  readonly key: string
  /** Whose key it is; `undefined` where the scope is `'dangerouslyGlobal'`. */
  readonly scope: string | undefined
  /** As given to the operation, for example `POST /payments`. */
  readonly operation: string
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
  /**
   * Runs a part of the work and records what it gave, under this claim. A later attempt gets the
   * recorded result and does not run the part again; so does a second call with the same name in
   * this attempt. Costs one round trip for each step that was not recorded before.
   *
   * Once it resolves, the result is recorded. A step that was cut off, or whose result could not be
   * recorded, runs again in the next attempt: give its call a key with `deriveKey(name)`. When
   * recording failed and this attempt asks again, only the recording is tried again. The result
   * goes through JSON, in the first attempt too.
   *
   * Does not move the commit point. Where the whole handler counts as past it, a later attempt
   * begins only by `onIndeterminate` or a release.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_STEP_INVALID` (the name, the number of steps:
   * before it begins; the size, no JSON: after it), `IDEMPOTENCY_LEASE_LOST` or
   * `IDEMPOTENCY_STORE_UNAVAILABLE`; and what `work` throws, of which nothing is recorded.
   */
  step<T>(name: string, work: () => Promise<T> | T): Promise<T>
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
