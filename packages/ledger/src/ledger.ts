import type { Kysely } from 'kysely'
import type {
  Account,
  AccountKind,
  Balance,
  EntryPage,
  Lookup,
  Metadata,
  TrialBalance,
  Verification,
} from './records.ts'
import type {
  Busy,
  Conflict,
  HoldResult,
  Rejected,
  ReleaseResult,
  TransferResult,
  Unknown,
} from './outcomes.ts'

/**
 * Where a verb runs: your `Kysely` (the call is its own transaction, committed when it answers) or
 * your `Transaction` (the call is one statement of it, and commits or rolls back with it).
 * The row types of your database do not matter here.
 */
export type Executor = Kysely<any>

/** Options of {@link createLedger}. */
export interface LedgerOptions {
  /**
   * PostgreSQL schema that holds the ledger; lower-case letters, digits and `_`.
   * @defaultValue `'ledger'`
   */
  readonly schema?: string
}

/** Request of {@link LedgerAccounts.create}. */
export interface AccountInput {
  /** UUID, made and kept by the caller. */
  readonly id: string
  /** ISO 4217 code known to the ledger's currency table. */
  readonly currency: string
  readonly kind: AccountKind
  /**
   * Lowest balance that may be left, at most 0 (a new account has 0). A wallet has `0n`, a credit
   * line of 500 has `-500n`.
   * @defaultValue `null`: no floor
   */
  readonly floorMinor?: bigint | null
  /**
   * Highest balance that may be left, at least 0.
   * @defaultValue `null`: no ceiling
   */
  readonly ceilingMinor?: bigint | null
  readonly metadata?: Metadata | null
}

/** Answer of {@link LedgerAccounts.create}. */
export type AccountResult =
  | { readonly outcome: 'created' | 'replayed'; readonly account: Account }
  | Conflict<Account>
  | Rejected
  | Busy
  | Unknown

/** Request of {@link Ledger.transfer}. */
export interface TransferInput {
  /**
   * UUID, made and stored by the caller before the call: the key to safe retries. Version 7 keeps
   * the index warm.
   */
  readonly id: string
  readonly debitAccountId: string
  readonly creditAccountId: string
  /** Minor units, 1 … 2^63−1. A `number` is refused. */
  readonly amountMinor: bigint
  /** Must be the currency of both accounts. */
  readonly currency: string
  /** Your name for this sort of movement: 1–64 characters of `A–Z a–z 0–9 . _ : / -`. */
  readonly code?: string | null
  /** Kept with the row and part of what a replay is compared with; at most 16 KiB as JSON. */
  readonly metadata?: Metadata | null
}

/** Request of {@link Ledger.hold}. */
export interface HoldInput extends TransferInput {
  /**
   * Life of the hold in milliseconds, by PostgreSQL's clock from the moment it is placed; 1 … ten
   * years.
   * @defaultValue `null`: it stays until captured or released
   */
  readonly expiresInMs?: number | null
}

/** Request of {@link Ledger.capture}. */
export interface CaptureInput {
  readonly holdId: string
  /**
   * Id of the transfer that this capture writes. A hold captured once needs none: its transfer then
   * has the id of the hold, so that one payment id names both.
   * @defaultValue `holdId`
   */
  readonly id?: string
  /**
   * How much to post; at most what remains.
   * @defaultValue everything that remains
   */
  readonly amountMinor?: bigint
  /**
   * Give the rest back and settle the hold.
   * @defaultValue `false` with an amount, `true` without
   */
  readonly final?: boolean
}

/** Request of {@link Ledger.entries}. */
export interface EntriesQuery {
  readonly accountId: string
  /** `seq` of the last entry seen (the `next` of a page). */
  readonly after?: bigint | null
  /** 1 … 1,000. */
  readonly limit: number
  /** @defaultValue `'oldest_first'` */
  readonly order?: 'oldest_first' | 'newest_first'
}

/** Accounts of a ledger. */
export interface LedgerAccounts {
  /** Creates an account with balance 0. The same id and fields replay; other fields conflict. */
  create(db: Executor, account: AccountInput): Promise<AccountResult>
  /** The account, or null. */
  get(db: Executor, id: string): Promise<Account | null>
}

/**
 * Double entry in your PostgreSQL. Every verb is one statement, alone or inside your transaction.
 *
 * Money moves whole or not at all, once per id, between two accounts of one currency, within the
 * limits of both. What cannot be done is answered, not thrown; what was answered stays true.
 *
 * It does not retry, and it does not order the locks of *several* calls in one transaction: such
 * transactions can deadlock with each other (PostgreSQL ends one of them, nothing is half done).
 */
export interface Ledger {
  readonly schema: string
  readonly accounts: LedgerAccounts
  /**
   * Moves money from one account to another: debit and credit in one journal row.
   *
   * @throws {@link LedgerError} inside a transaction for lock time-outs, deadlocks, serialization
   * failures and lost connections; anywhere when the ledger is not migrated.
   */
  transfer(db: Executor, transfer: TransferInput): Promise<TransferResult>
  /**
   * Reserves money for a later {@link Ledger.capture}. It counts against both accounts' limits
   * until it is captured, released or expired; from the instant of its expiry it does not, whether
   * or not anything has cleaned it up.
   */
  hold(db: Executor, hold: HoldInput): Promise<HoldResult>
  /**
   * Posts a hold, whole or in parts. A capture and a release of one hold exclude each other for
   * ever: whichever commits first is the decision.
   */
  capture(db: Executor, capture: CaptureInput): Promise<TransferResult>
  /**
   * Makes sure the id never posts (any more). An open hold gives its money back; an id never seen
   * gets a tombstone, so that a hold or transfer that arrives late is refused. If it has posted
   * already, the answer is `already_captured` with the transfer. Of a hold captured in part, the
   * rest is given back.
   */
  release(db: Executor, release: { readonly holdId: string }): Promise<ReleaseResult>
  /**
   * Settles holds whose time is up: housekeeping that keeps balances quick to compute. Money is
   * right without it.
   *
   * @returns how many were settled; call again while it equals `limit`.
   */
  expireHolds(db: Executor, options?: { readonly limit?: number }): Promise<{ expired: number }>
  /** What an id names, or null. A read: only `capture` and `release` decide. */
  lookup(db: Executor, id: string): Promise<Lookup | null>
  /** The balance of an account now, from one snapshot, or null when there is no such account. */
  balance(db: Executor, accountId: string): Promise<Balance | null>
  /** A page of an account's journal, by its own gap-free sequence. */
  entries(db: Executor, query: EntriesQuery): Promise<EntryPage>
  /** Debits and credits of all accounts, by currency and kind, from one snapshot. */
  trialBalance(db: Executor): Promise<TrialBalance>
  /**
   * Recomputes everything from the journal and names what does not agree. Reads the whole ledger in
   * one snapshot: run it on a replica or at a quiet hour once the journal is large.
   */
  verify(db: Executor, options?: { readonly findingsMax?: number }): Promise<Verification>
}
