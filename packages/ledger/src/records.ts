import type { RejectionDetail, RejectionReason } from './outcomes.ts'

/** A JSON object, kept as `jsonb`. Numbers beyond 2^53 in it lose digits: write them as text. */
export type Metadata = { readonly [key: string]: unknown }

/** Kind of an account. Assets and expenses grow by debits; the other three grow by credits. */
export type AccountKind = 'asset' | 'liability' | 'equity' | 'income' | 'expense'

/** Side on which an account's balance grows. */
export type Side = 'debit' | 'credit'

/**
 * How an account bears many movements at once. `exact`: one row, one after the other. `sharded:n`:
 * n parts (2 … 64), so that n movements pass at once; each has its place among the rows of its part.
 */
export type HotPolicy = 'exact' | `sharded:${number}`

/** Which directions of an account are blocked. */
export interface Frozen {
  readonly debits: boolean
  readonly credits: boolean
}

/** An account and what has been decided about it. */
export interface Account {
  readonly id: string
  readonly currency: string
  readonly kind: AccountKind
  readonly normalSide: Side
  /** Lowest balance that a debit or credit may leave, minor units; null: no floor. */
  readonly floorMinor: bigint | null
  /** Highest balance that a debit or credit may leave, minor units; null: no ceiling. */
  readonly ceilingMinor: bigint | null
  readonly hot: HotPolicy
  /** Blocked directions; both of a closed account. */
  readonly frozen: Frozen
  /** Null: it is open. Once closed, it stays closed. */
  readonly closedAt: Date | null
  readonly metadata: Metadata | null
  readonly createdAt: Date
}

/** One line of an account's history: what was decided, and how the account was from then on. */
export interface AccountChange {
  /** 1, 2, 3 … without gaps; 1 is `created`, or `migrated` for one from before there was a history. */
  readonly no: number
  readonly change: 'created' | 'migrated' | 'limits' | 'frozen' | 'unfrozen' | 'closed'
  readonly floorMinor: bigint | null
  readonly ceilingMinor: bigint | null
  readonly frozen: Frozen
  readonly closed: boolean
  /** What was given as a reason. */
  readonly reason: string | null
  readonly createdAt: Date
}

/** What a row of the journal is: a capture posts a hold, a reversal gives a posted row back. */
export type TransferKind = 'transfer' | 'capture' | 'reversal'

/** One row of the journal: one amount, one debit, one credit. It never changes. */
export interface Transfer {
  readonly kind: TransferKind
  readonly id: string
  readonly debitAccountId: string
  readonly creditAccountId: string
  /** Minor units of `currency`, at least 1. */
  readonly amountMinor: bigint
  readonly currency: string
  readonly code: string | null
  readonly metadata: Metadata | null
  /** The hold that this captures; null for every other kind. */
  readonly holdId: string | null
  /** The row that this gives back, in part or whole; null for every other kind. */
  readonly reversesId: string | null
  /** The journal that this is a leg of; null: it stands for itself. */
  readonly journalId: string | null
  /** Its index among the legs of that journal. */
  readonly leg: number | null
  /** Part of the debit account that this row is on: 1 … n of a sharded account, else 0. */
  readonly debitShard: number
  /** Part of the credit account that this row is on. */
  readonly creditShard: number
  /**
   * Position of this row among the debit account's rows, or those of the one part of a sharded
   * account: 1, 2, 3 … without gaps.
   */
  readonly debitSeq: bigint
  /** Position of this row among the credit account's rows, or those of the one part. */
  readonly creditSeq: bigint
  /**
   * Balance of the debit account after this row, on its normal side; of a sharded account that of
   * the one part, which can be below zero where the account is not.
   */
  readonly debitBalanceMinor: bigint
  /** Balance of the credit account after this row, or of the one part, on its normal side. */
  readonly creditBalanceMinor: bigint
  /** When it counts; `createdAt`, unless the request said otherwise. */
  readonly effectiveAt: Date
  /** When it was recorded, by PostgreSQL's clock. Never runs back along either account's rows. */
  readonly createdAt: Date
}

/** Transfers that stand or fall together. It never changes. */
export interface Journal {
  readonly kind: 'journal'
  readonly id: string
  readonly code: string | null
  readonly metadata: Metadata | null
  readonly effectiveAt: Date
  readonly createdAt: Date
  /** Its legs, in their order. */
  readonly transfers: readonly Transfer[]
}

/**
 * `open` reserves money. The other three are final: `captured` (whole, or closed by a final
 * capture), `released`, `expired`.
 */
export type HoldState = 'open' | 'captured' | 'released' | 'expired'

/** Money reserved on the debit account for the credit account. */
export interface Hold {
  readonly kind: 'hold'
  readonly id: string
  readonly state: HoldState
  readonly debitAccountId: string
  readonly creditAccountId: string
  readonly amountMinor: bigint
  /** Sum of all captures so far. */
  readonly capturedMinor: bigint
  /** What is still reserved; 0 once the hold is not open any more. */
  readonly remainingMinor: bigint
  readonly currency: string
  readonly code: string | null
  readonly metadata: Metadata | null
  readonly expiresInMs: number | null
  /** By PostgreSQL's clock; null: never. */
  readonly expiresAt: Date | null
  readonly createdAt: Date
  readonly settledAt: Date | null
}

/** A refusal that was written down (`onReject: 'record'`), with its request. Its id never posts. */
export interface Rejection {
  readonly kind: 'rejection'
  readonly id: string
  readonly verb: 'transfer' | 'hold'
  readonly debitAccountId: string
  readonly creditAccountId: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly code: string | null
  readonly metadata: Metadata | null
  /** As requested; null: now. */
  readonly effectiveAt: Date | null
  readonly expiresInMs: number | null
  readonly reason: RejectionReason
  readonly detail: RejectionDetail | null
  readonly rejectedAt: Date
}

/** What an id names. A `tombstone` is an id released before it was ever used: it can never post. */
export type Lookup =
  | {
      readonly kind: 'transfer'
      readonly transfer: Transfer
      /** Sum of its reversals so far. */
      readonly reversedMinor: bigint
    }
  | {
      readonly kind: 'hold'
      readonly hold: Hold
      readonly captures: readonly Transfer[]
      /** Sum of the reversals of all its captures so far. */
      readonly reversedMinor: bigint
    }
  | { readonly kind: 'rejection'; readonly rejection: Rejection }
  | { readonly kind: 'tombstone'; readonly id: string; readonly releasedAt: Date }
  | { readonly kind: 'journal'; readonly journal: Journal }

/** The numbers of one account in one snapshot, all in minor units. */
export interface Balance {
  readonly accountId: string
  readonly currency: string
  /** Decimal digits of the currency's minor unit (ISO 4217): 2 for USD, 0 for JPY. */
  readonly exponent: number
  readonly kind: AccountKind
  readonly normalSide: Side
  /** Everything ever debited. */
  readonly postedDebitsMinor: bigint
  /** Everything ever credited. */
  readonly postedCreditsMinor: bigint
  /** Reserved by open holds that debit this account; expired holds are not in it. */
  readonly pendingDebitsMinor: bigint
  /** Reserved by open holds that credit this account; expired holds are not in it. */
  readonly pendingCreditsMinor: bigint
  /** Posted balance on the normal side. */
  readonly balanceMinor: bigint
  /** `balanceMinor` less what open holds will take out of it. The floor is compared with this. */
  readonly availableMinor: bigint
  readonly floorMinor: bigint | null
  readonly ceilingMinor: bigint | null
  /** Number of journal rows of this account; of an exact one, the `seq` of the last row. */
  readonly seq: bigint
}

/** Which of its two times decides whether a row counts. */
export type BalanceAxis = 'recorded' | 'effective'

/** The posted balance of an account at an instant. */
export interface BalanceAt {
  readonly accountId: string
  readonly currency: string
  /** Decimal digits of the currency's minor unit (ISO 4217): 2 for USD, 0 for JPY. */
  readonly exponent: number
  readonly kind: AccountKind
  readonly normalSide: Side
  readonly asOf: Date
  readonly axis: BalanceAxis
  /** On the normal side, minor units. */
  readonly balanceMinor: bigint
}

/** One line of an account's statement. */
export interface Entry {
  /**
   * Position in this account, and cursor of pages: 1, 2, 3 … without gaps. Of a sharded account it
   * is opaque, and not the order.
   */
  readonly seq: bigint
  readonly side: Side
  readonly amountMinor: bigint
  /** Balance of the account after this line, on its normal side. */
  readonly balanceMinor: bigint
  readonly counterpartAccountId: string
  readonly transferId: string
  readonly kind: TransferKind
  readonly holdId: string | null
  /** The row that this gives back; null for every other kind. */
  readonly reversesId: string | null
  /** The journal that this is a leg of, or null. */
  readonly journalId: string | null
  readonly currency: string
  readonly code: string | null
  readonly metadata: Metadata | null
  /** When it counts; `createdAt`, unless the request said otherwise. */
  readonly effectiveAt: Date
  /** When it was recorded. */
  readonly createdAt: Date
}

/** A page of entries. */
export interface EntryPage {
  readonly entries: readonly Entry[]
  /** Pass it as `after` for the next page; null: this page ends the statement. */
  readonly next: bigint | null
}

/** A page of an account's statement over a period of recorded time. */
export interface Statement {
  readonly accountId: string
  readonly currency: string
  /** Decimal digits of the currency's minor unit (ISO 4217): 2 for USD, 0 for JPY. */
  readonly exponent: number
  readonly kind: AccountKind
  readonly normalSide: Side
  /** Inclusive. */
  readonly from: Date
  /** Exclusive. */
  readonly to: Date
  /** Balance before the first line of this page. */
  readonly openingMinor: bigint
  readonly lines: readonly Entry[]
  /** Balance after the last line of this page. */
  readonly closingMinor: bigint
  /** Pass it as `after` for the next page; null: this page ends the statement. */
  readonly next: bigint | null
  /** The whole period; null on all pages but the first. */
  readonly period: StatementPeriod | null
}

/** What a whole period comes to, whatever the pages. */
export interface StatementPeriod {
  readonly openingMinor: bigint
  readonly closingMinor: bigint
  /** Sum of its lines on the debit side. */
  readonly debitsMinor: bigint
  /** Sum of its lines on the credit side. */
  readonly creditsMinor: bigint
  /** Number of its lines. */
  readonly lines: bigint
}

/** One line of the trial balance: all accounts of a kind in a currency. */
export interface TrialBalanceLine {
  readonly currency: string
  readonly kind: AccountKind
  readonly accounts: bigint
  readonly postedDebitsMinor: bigint
  readonly postedCreditsMinor: bigint
}

/** Totals of a currency; a sound ledger has equal sides. */
export interface TrialBalanceTotal {
  readonly currency: string
  readonly postedDebitsMinor: bigint
  readonly postedCreditsMinor: bigint
  /** Debits less credits: 0 in a sound ledger. */
  readonly differenceMinor: bigint
}

/** Debits and credits of all accounts, from one snapshot. */
export interface TrialBalance {
  readonly balanced: boolean
  readonly totals: readonly TrialBalanceTotal[]
  readonly lines: readonly TrialBalanceLine[]
}
