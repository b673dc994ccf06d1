/*
 * The port between the core and a place that keeps records.
 * Every verb is one atomic step, identified by the claim's token, so that a command a client
 * library sends twice (its first answer was lost) changes nothing the second time.
 */

/** What a claim leaves behind while its owner works. @see {@link RecordState} */
export type ClaimState = 'started' | 'committed'

/**
 * Where a record stands.
 *
 * - `started`: claimed, the effect has not begun; a lapsed lease may be taken over.
 * - `committed`: the effect may have happened; a lapsed lease is *indeterminate*.
 * - `indeterminate`: its owner said that it does not know whether the effect happened.
 * - `completed`: the result is stored and is replayed until the retention ends.
 * - `tombstone`: done, but the result was too large to store; never executed again, replayed
 *   without it.
 */
export type RecordState = ClaimState | 'indeterminate' | 'completed' | 'tombstone'

/** One request for the ownership of a record. */
export interface ClaimRequest {
  /** Record id: a hash, safe to print. */
  readonly id: string
  /** 16 random bytes that name this claim. The same token again is the same claim, not another. */
  readonly token: Uint8Array
  /** SHA-256 of the request's canonical form, 32 bytes. */
  readonly fingerprint: Uint8Array
  /** How long the claim holds without renewal, in milliseconds. */
  readonly leaseMs: number
  /** How long a lapsed claim stays visible, in milliseconds. */
  readonly graceMs: number
  /** The state to begin in. `committed` makes every lapse indeterminate. */
  readonly state: ClaimState
  /** What a claim may do with a record whose outcome is unknown. */
  readonly onIndeterminate: 'reject' | 'execute'
}

/** Answer to a {@link ClaimRequest}; `verdict` decides. */
export type ClaimResult =
  | {
      readonly verdict: 'acquired'
      /** Grows with every claim of the same id, even if the store forgot the earlier ones. */
      readonly fence: number
      /** 1 for the first owner, one more for each owner that took a lapsed claim over. */
      readonly attempt: number
    }
  | { readonly verdict: 'in_progress'; readonly remainingMs: number }
  | { readonly verdict: 'completed'; readonly payload: Uint8Array; readonly omitted: boolean }
  | { readonly verdict: 'mismatch' }
  | { readonly verdict: 'indeterminate'; readonly reason: IndeterminateReason }

/**
 * Why an outcome is unknown.
 *
 * - `lapsed`: the owner stopped renewing after its commit point (crashed, or cut off).
 * - `failed`: the owner reported that it failed after its commit point.
 * - `unreadable`: the stored record is corrupt or was written by a newer version.
 */
export type IndeterminateReason = 'lapsed' | 'failed' | 'unreadable'

/** What an owner shows to prove that a record is its own. */
export interface ClaimHandle {
  readonly id: string
  readonly token: Uint8Array
  readonly fingerprint: Uint8Array
  readonly fence: number
  readonly attempt: number
}

/** `stale`: the record belongs to another claim now, or is finished; nothing was changed. */
export type StepResult = 'ok' | 'stale'

/** What to store as the result of an execution. */
export interface Completion {
  /** Opaque to the store. */
  readonly payload: Uint8Array
  /** True for a tombstone: the payload describes the result without carrying it. */
  readonly omitted: boolean
  /** How long the result is replayed, from now, in milliseconds. */
  readonly retentionMs: number
}

/** A record as an operator sees it. */
export interface RecordView {
  readonly state: RecordState
  readonly attempt: number
  readonly fence: number
  /** Remaining lease of a running claim, in milliseconds; 0 or less once it lapsed. */
  readonly leaseRemainingMs: number
  /** When the record was first claimed, by the store's clock. */
  readonly createdAt: Date
  /** Until the record is forgotten, in milliseconds. */
  readonly expiresInMs: number
  readonly fingerprint: Uint8Array
  readonly payload: Uint8Array
}

/**
 * Keeps records. Guarantees asked of an implementation, and checked by the contract suite:
 * each verb is atomic; a step with another token is `stale` and changes nothing; a step repeated
 * with the same token has the same answer; only the store's own clock decides about leases; every
 * promise settles within a stated deadline, by an {@link IdempotencyError} with code
 * `IDEMPOTENCY_STORE_UNAVAILABLE` when the store could not answer.
 */
export interface IdempotencyStore {
  /** Takes the record, or says what is there. Never waits for another owner. */
  claim(request: ClaimRequest): Promise<ClaimResult>
  /** Prolongs the lease of a running claim. */
  renew(handle: ClaimHandle, lease: LeaseTimes): Promise<StepResult>
  /** Moves a running claim past its commit point, or declares its outcome unknown. */
  mark(
    handle: ClaimHandle,
    state: 'committed' | 'indeterminate',
    lease: LeaseTimes,
  ): Promise<StepResult>
  /**
   * Stores the result. A record that the store has lost meanwhile is written anew: what was done is
   * known, and recording it can only prevent a second execution.
   */
  complete(handle: ClaimHandle, completion: Completion): Promise<StepResult>
  /** Forgets an unfinished claim, so that the next request executes. Never a finished record. */
  release(handle: ClaimHandle): Promise<StepResult>
  /** Reads a record without changing it. */
  inspect(id: string): Promise<RecordView | undefined>
}

/** Lease and grace of a claim, in milliseconds. */
export interface LeaseTimes {
  readonly leaseMs: number
  readonly graceMs: number
}
