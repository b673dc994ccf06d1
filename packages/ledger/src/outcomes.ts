import type { Hold, Journal, Rejection, Transfer } from './records.ts'

/** How a call ended. Only faults that must abort a transaction are thrown instead. */
export type Outcome = 'created' | 'replayed' | 'conflict' | 'rejected' | 'busy' | 'unknown'

/**
 * Why a call was refused. Nothing was written, and the caller's transaction is still usable.
 *
 * When several reasons apply, the first of this list is given:
 *
 * 1. before any SQL, by the shape of the request: `id_invalid`, `same_account`, `amount_invalid`,
 *    `currency_invalid`, `kind_invalid`, `code_invalid`, `metadata_invalid`, `metadata_too_large`,
 *    `effective_at_invalid`, `expiry_invalid`, `limits_invalid`, `shards_invalid`, `legs_invalid`
 * 2. an id that was already used answers `replayed`, `conflict`, `hold_released` or
 *    `previously_rejected`
 * 3. about what the request refers to: `hold_not_found`, `already_captured`, `hold_released`,
 *    `hold_expired`, `exceeds_hold`; `transfer_not_found`, `not_reversible`, `exceeds_original`
 * 4. about accounts, each for the debit account first: `currency_unknown`, `account_not_found`,
 *    `account_closed`, `account_frozen`, `currency_mismatch`, `period_sealed`, `overflow`,
 *    `insufficient_funds`, `limit_exceeded`; of closing one: `holds_open`, `balance_not_zero`
 */
export type RejectionReason =
  | 'id_invalid'
  | 'same_account'
  | 'amount_invalid'
  | 'currency_invalid'
  | 'kind_invalid'
  | 'code_invalid'
  | 'metadata_invalid'
  | 'metadata_too_large'
  | 'effective_at_invalid'
  | 'expiry_invalid'
  | 'limits_invalid'
  | 'shards_invalid'
  | 'legs_invalid'
  | 'previously_rejected'
  | 'hold_not_found'
  | 'already_captured'
  | 'hold_released'
  | 'hold_expired'
  | 'exceeds_hold'
  | 'transfer_not_found'
  | 'not_reversible'
  | 'exceeds_original'
  | 'currency_unknown'
  | 'account_not_found'
  | 'account_closed'
  | 'account_frozen'
  | 'currency_mismatch'
  | 'period_sealed'
  | 'overflow'
  | 'insufficient_funds'
  | 'limit_exceeded'
  | 'holds_open'
  | 'balance_not_zero'

/** What a rejection is about; which members are present depends on the reason. */
export interface RejectionDetail {
  /** The field of the request that was refused. */
  readonly field?: string
  /** The account that refused. */
  readonly accountId?: string
  /** `insufficient_funds`: balance less open outgoing holds, when it was decided. */
  readonly availableMinor?: bigint
  /** `insufficient_funds`: the floor of the account. */
  readonly floorMinor?: bigint
  /** `limit_exceeded`: the ceiling of the account. */
  readonly ceilingMinor?: bigint
  /** `balance_not_zero`: the balance. */
  readonly balanceMinor?: bigint
  /** `exceeds_hold`, `exceeds_original`: how much can still be captured or reversed. */
  readonly remainingMinor?: bigint
  /** `period_sealed`: the earliest time that can still be given. */
  readonly sealedUntil?: Date
  /** `previously_rejected`: why it was refused then. */
  readonly reason?: RejectionReason
  /** `previously_rejected`: when it was refused. */
  readonly rejectedAt?: Date
  /** `currency_mismatch`: the currency of the account. */
  readonly currency?: string
  /** `hold_*` and `already_captured`: the hold as it is now; absent for a tombstone. */
  readonly hold?: Hold
  /** Of a journal: the index of the leg that was refused. */
  readonly leg?: number
}

/** The request was refused and nothing was written. */
export interface Rejected<Reason extends RejectionReason = RejectionReason> {
  readonly outcome: 'rejected'
  readonly reason: Reason
  readonly detail?: RejectionDetail
}

/** The id is taken by another request. Nothing was written. */
export interface Conflict<Existing> {
  readonly outcome: 'conflict'
  /** The request's fields that differ from what is stored; `kind`: the id names another thing. */
  readonly differs: readonly string[]
  /** What the id names. */
  readonly existing: Existing
}

/** What kept a call from being decided. */
export type BusyCause =
  | 'lock_timeout'
  | 'statement_timeout'
  | 'deadlock'
  | 'serialization'
  | 'pool_timeout'
  | 'queue_full' // of a batcher: nothing was sent
  | 'unavailable'

/**
 * Not decided, and certainly nothing written: try again with the same id after `retryAfterMs`.
 * Only an autocommitted call answers so; inside a transaction the same fault is thrown as a
 * retryable {@link LedgerError}, because PostgreSQL has already aborted that transaction.
 */
export interface Busy {
  readonly outcome: 'busy'
  readonly cause: BusyCause
  readonly retryAfterMs: number
}

/**
 * The connection was lost after the statement was sent: it may or may not have been committed.
 * The same call with the same id is safe at any time and tells which.
 */
export interface Unknown {
  readonly outcome: 'unknown'
  readonly id: string
  readonly retryAfterMs: number
}

/** Answer of {@link Ledger.transfer}, {@link Ledger.capture} and {@link Ledger.reverse}. */
export type TransferResult =
  | { readonly outcome: 'created' | 'replayed'; readonly transfer: Transfer }
  | Conflict<Transfer | Hold | Rejection>
  | Rejected
  | Busy
  | Unknown

/**
 * Answer of {@link Ledger.journal}. A `conflict` names fields of legs as `transfers[2].amountMinor`;
 * what exists is the journal that has this id, or what an id of a leg names.
 */
export type JournalResult =
  | { readonly outcome: 'created' | 'replayed'; readonly journal: Journal }
  | Conflict<Journal | Transfer | Hold | Rejection>
  | Rejected
  | Busy
  | Unknown

/**
 * Answer of {@link Ledger.hold}. A `replayed` hold is open or captured; one that was released or
 * has expired is `rejected`.
 */
export type HoldResult =
  | { readonly outcome: 'created' | 'replayed'; readonly hold: Hold }
  | Conflict<Transfer | Hold | Rejection>
  | Rejected
  | Busy
  | Unknown

/** Answer of {@link Ledger.release}: the decision, for ever. */
export type ReleaseResult =
  | {
      readonly outcome: 'created' | 'replayed'
      /** The id never posts (any more). */
      readonly state: 'released'
      /** The hold, whose own state may be `expired`; null: never seen, a tombstone keeps the id. */
      readonly hold: Hold | null
    }
  | {
      readonly outcome: 'rejected'
      readonly reason: 'already_captured'
      /** What posted: the last capture of the hold, or the transfer that has this id. */
      readonly transfer: Transfer
      readonly detail?: RejectionDetail
    }
  | Rejected<'id_invalid'>
  | Busy
  | Unknown
