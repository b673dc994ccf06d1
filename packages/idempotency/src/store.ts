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
 * - `recovering`: claimed by someone who finds out what became of an indeterminate record; a lapsed
 *   lease is indeterminate again.
 * - `indeterminate`: its owner said that it does not know whether the effect happened.
 * - `completed`: the result is stored and is replayed until the retention ends.
 * - `tombstone`: done, but the result was too large to store; never executed again, replayed
 *   without it.
 */
export type RecordState = ClaimState | 'recovering' | 'indeterminate' | 'completed' | 'tombstone'

/**
 * What a record means at this moment, by the store's clock.
 *
 * - `running`: it has an owner whose lease holds.
 * - `lapsed`: its owner is gone and the effect has not begun; the next claim executes.
 * - `indeterminate`: its owner is gone, or gave up, after the effect may have happened.
 * - `completed`, `tombstone`: finished.
 * - `unreadable`: corrupt, or written by a newer version; it blocks its key.
 */
export type RecordStanding =
  | 'running'
  | 'lapsed'
  | 'indeterminate'
  | 'completed'
  | 'tombstone'
  | 'unreadable'

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
  /**
   * What a claim may do with a record whose outcome is unknown: leave it, take it over in `state`,
   * or take it over as `recovering`. The last is written down, so that a claim that is sent twice
   * is told both times that it is a recovery.
   */
  readonly onIndeterminate: 'reject' | 'execute' | 'recover'
  /** For a key that carries the time it was made: until when a record that is not there is new. */
  readonly minted?: Minted | undefined
}

/** How old a key is, and how old it may be. */
export interface Minted {
  /** When the client made the key, by its own clock, in Unix milliseconds. */
  readonly atMs: number
  /** How long a record of it is kept at least, in milliseconds. */
  readonly knownForMs: number
}

/** Answer to a {@link ClaimRequest}; `verdict` decides. */
export type ClaimResult =
  | {
      readonly verdict: 'acquired'
      /** Grows with every claim of the same id, even if the store forgot the earlier ones. */
      readonly fence: number
      /** 1 for the first owner, one more for each owner that took a lapsed claim over. */
      readonly attempt: number
      /** True when the outcome of an earlier owner is unknown: find it out before executing. */
      readonly recovering: boolean
      /** What earlier owners recorded with {@link IdempotencyStore.checkpoint}; empty if nothing. */
      readonly checkpoint: Uint8Array
    }
  | { readonly verdict: 'in_progress'; readonly remainingMs: number }
  | { readonly verdict: 'completed'; readonly payload: Uint8Array; readonly omitted: boolean }
  | { readonly verdict: 'mismatch' }
  /** There is no record, and the key is older than records are kept: it may have been forgotten. */
  | { readonly verdict: 'expired' }
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

/** What an owner has done so far, for whoever resumes its work. */
export interface Checkpoint extends LeaseTimes {
  /** Opaque to the store. Replaces the checkpoint before it. */
  readonly payload: Uint8Array
}

/** A record without its contents, as it is listed. */
export interface RecordSummary {
  /** Record id: SHA-256 over scope, operation and key. */
  readonly id: string
  readonly state: RecordState
  readonly standing: Exclude<RecordStanding, 'unreadable'>
  readonly attempt: number
  readonly fence: number
  /** Remaining lease of a running claim, in milliseconds; 0 or less once it lapsed. */
  readonly leaseRemainingMs: number
  /** When the record was first claimed, by the store's clock. */
  readonly createdAt: Date
  /** Until the record is forgotten, in milliseconds. */
  readonly expiresInMs: number
}

/** A record as an operator sees it. */
export interface RecordView extends RecordSummary {
  readonly fingerprint: Uint8Array
  /** The result of a finished record; the checkpoint of any other. Opaque to the store. */
  readonly payload: Uint8Array
}

/** Which part of the indeterminate records to list. */
export interface ListRequest {
  /** From the page before; none for the first. */
  readonly cursor?: string | undefined
  /** About so many records are looked at for a page. */
  readonly scanCount: number
}

/** Some indeterminate records. A page may be empty and still have a cursor. */
export interface RecordPage {
  readonly records: readonly RecordSummary[]
  /** Where the next page begins; `undefined` after the last. */
  readonly cursor: string | undefined
}

/** An operator's answer to an unknown outcome. */
export interface Resolution extends Completion {
  readonly id: string
  /** 16 random bytes that name this resolution; the same again is the same, not another. */
  readonly token: Uint8Array
  /** Only if the record still has this fence. */
  readonly ifFence?: number | undefined
}

/** Which record to forget, and what must be true of it. */
export interface ForgetRequest {
  readonly id: string
  /** Only a record that stands so. A running one is never forgotten. */
  readonly ifStanding: Exclude<RecordStanding, 'running'>
  /** Only if the record still has this fence. An unreadable record has none. */
  readonly ifFence?: number | undefined
}

/** What became of an operator's call. `refused`: the record is not as expected, or has moved on. */
export type OperatorResult =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'absent' }
  | {
      readonly outcome: 'refused'
      readonly standing: RecordStanding
      /** 0 for an unreadable record. */
      readonly fence: number
    }

/**
 * Keeps records. Guarantees asked of an implementation, and checked by the contract suite:
 * each verb is atomic; a step with another token is `stale` and changes nothing; a step repeated
 * with the same token has the same answer; only the store's own clock decides about leases; every
 * promise settles within a stated deadline, by an {@link IdempotencyError} with code
 * `IDEMPOTENCY_STORE_UNAVAILABLE` when the store could not answer.
 */
export interface IdempotencyStore {
  /**
   * Takes the record, or says what is there. Never waits for another owner. Whoever takes a record
   * over gets its checkpoint, and the record keeps it.
   */
  claim(request: ClaimRequest): Promise<ClaimResult>
  /** Prolongs the lease of a running claim. */
  renew(handle: ClaimHandle, lease: LeaseTimes): Promise<StepResult>
  /**
   * Moves a running claim past its commit point, or declares its outcome unknown, or says of a
   * recovery that the effect has not happened (`started`). Never takes a commit point back.
   */
  mark(
    handle: ClaimHandle,
    state: ClaimState | 'indeterminate',
    lease: LeaseTimes,
  ): Promise<StepResult>
  /** Records what a running claim has done so far, and prolongs its lease. */
  checkpoint(handle: ClaimHandle, checkpoint: Checkpoint): Promise<StepResult>
  /**
   * Stores the result. A record that the store has lost meanwhile is written anew: what was done is
   * known, and recording it can only prevent a second execution.
   */
  complete(handle: ClaimHandle, completion: Completion): Promise<StepResult>
  /**
   * Gives an unfinished claim up, so that the next request executes. Forgets the record, unless it
   * has a checkpoint or was taken over (`attempt` above 1): then it stays as `lapsed` for as long as
   * it would have, and the next owner goes on from there. A recovery that is given up is
   * indeterminate, as it was. Never a finished record.
   */
  release(handle: ClaimHandle): Promise<StepResult>
  /**
   * Reads a record without changing it; `undefined` if there is none.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_RECORD_UNREADABLE`.
   */
  inspect(id: string): Promise<RecordView | undefined>
  /**
   * Records that stand as `indeterminate`, page by page. Every record that stands so from the first
   * page to the last is on at least one of them; it may be on two.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_CURSOR_INVALID`.
   */
  listIndeterminate(request: ListRequest): Promise<RecordPage>
  /**
   * Finishes an indeterminate record with a result that is known from elsewhere, under a new token
   * and a higher fence: its owner, should it come back, changes nothing any more.
   */
  resolve(resolution: Resolution): Promise<OperatorResult>
  /** Deletes a record, so that the next request executes. Never one that is running. */
  forget(request: ForgetRequest): Promise<OperatorResult>
}

/** Lease and grace of a claim, in milliseconds. */
export interface LeaseTimes {
  readonly leaseMs: number
  readonly graceMs: number
}
