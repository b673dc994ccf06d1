import type { AccountKind, Metadata } from '../../../src/index.ts'

/*
 * What a client asks for, with names where the ledger has UUIDs: a counterexample can be read, and
 * the same drawn sequence can be sent again with ids that nobody used.
 */

/** Name of an account: `a0` … are the world's own. */
export type AccountName = string
/** Name of an id that the client made: `t0`, `t1` … */
export type IdName = string

/** `soon`: in one millisecond, so that nothing but its expiry can be done with it. */
export type Expires = 'never' | 'soon' | 'in_an_hour'

export interface Movement {
  readonly id: IdName
  readonly debit: AccountName
  readonly credit: AccountName
  readonly amount: bigint
  readonly currency: string
  readonly code: string | null
  readonly metadata: Metadata | null
}

export type OnReject = 'forget' | 'record'

export interface TransferRequest extends Movement {
  readonly verb: 'transfer'
  readonly onReject: OnReject
  /** Milliseconds since 1970; null: when it is recorded. */
  readonly effectiveAt: number | null
}

export interface HoldRequest extends Movement {
  readonly verb: 'hold'
  readonly expires: Expires
  readonly onReject: OnReject
}

export interface CaptureRequest {
  readonly verb: 'capture'
  /** null: the id of the hold. */
  readonly id: IdName | null
  readonly hold: IdName
  /** null: what remains. */
  readonly amount: bigint | null
  readonly final: boolean | null
  readonly effectiveAt: number | null
}

export interface ReleaseRequest {
  readonly verb: 'release'
  readonly hold: IdName
}

export interface ReverseRequest {
  readonly verb: 'reverse'
  readonly id: IdName
  readonly original: IdName
  /** null: what is left. */
  readonly amount: bigint | null
  readonly code: string | null
  readonly metadata: Metadata | null
  readonly effectiveAt: number | null
}

/** Transfers at the same time, each for itself: in one call, or in one batch of a batcher. */
export interface ManyRequest {
  readonly verb: 'many' | 'batched'
  readonly items: readonly TransferRequest[]
  /** Items of one statement; null: all. */
  readonly chunk: number | null
}

/** Transfers that stand or fall together. */
export interface JournalRequest {
  readonly verb: 'journal'
  readonly id: IdName
  readonly legs: readonly TransferRequest[]
  readonly code: string | null
  readonly metadata: Metadata | null
  readonly effectiveAt: number | null
}

export interface OpenRequest {
  readonly verb: 'open'
  readonly account: AccountName
  readonly currency: string
  readonly kind: AccountKind
  readonly floor: bigint | null
  readonly ceiling: bigint | null
  /** Parts of a sharded account; null: exact. */
  readonly shards: number | null
  readonly metadata: Metadata | null
}

/** A change of an account. */
export type ChangeRequest =
  | {
      readonly verb: 'freeze' | 'unfreeze'
      readonly account: AccountName
      readonly sides: 'debits' | 'credits' | 'both'
    }
  | {
      readonly verb: 'limits'
      readonly account: AccountName
      /** undefined: as it is. */
      readonly floor: bigint | null | undefined
      readonly ceiling: bigint | null | undefined
    }
  | { readonly verb: 'close'; readonly account: AccountName }

export interface EntriesRequest {
  readonly verb: 'entries'
  readonly account: AccountName
  readonly after: bigint | null
  readonly limit: number
  readonly newestFirst: boolean
}

interface LookAtAccount<Verb extends string> {
  readonly verb: Verb
  readonly account: AccountName
}

interface BalanceAtRequest extends LookAtAccount<'balance_at'> {
  /** What counts by then, on the effective axis. */
  readonly asOf: number
}

interface LookRequest<Verb extends string> {
  readonly verb: Verb
  readonly id: IdName
}

/** A request that may write. */
export type WriteRequest =
  | TransferRequest
  | HoldRequest
  | CaptureRequest
  | ReleaseRequest
  | ReverseRequest
  | ManyRequest
  | JournalRequest
  | OpenRequest
  | ChangeRequest

/** A request that only reads. */
export type ReadRequest =
  | LookRequest<'lookup'>
  | LookRequest<'resolve'>
  | LookAtAccount<'account'>
  | LookAtAccount<'balance'>
  | BalanceAtRequest
  | EntriesRequest

export type Request = WriteRequest | ReadRequest

const READS: ReadonlySet<string> = new Set([
  'lookup',
  'resolve',
  'account',
  'balance',
  'balance_at',
  'entries',
] satisfies ReadRequest['verb'][])

export const isRead = (request: Request): request is ReadRequest => READS.has(request.verb)

/** The ids a request may bring into use, and those it refers to. */
export function idsOf(request: WriteRequest): IdName[] {
  switch (request.verb) {
    case 'transfer':
    case 'hold':
      return [request.id]
    case 'capture':
      return request.id === null ? [request.hold] : [request.id, request.hold]
    case 'release':
      return [request.hold]
    case 'reverse':
      return [request.id, request.original]
    case 'many':
    case 'batched':
      return request.items.map(({ id }) => id)
    case 'journal':
      return [request.id, ...request.legs.map(({ id }) => id)]
    default:
      return []
  }
}
