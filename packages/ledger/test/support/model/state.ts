import type { AccountKind, Metadata, RejectionReason, TransferKind } from '../../../src/index.ts'
import type { AccountName, Expires, HoldRequest, IdName, TransferRequest } from './requests.ts'

/* What the ledger must know, and nothing that can be worked out from it. */

/** What one row of an account has seen: an exact account has one, a sharded one several. */
export interface Part {
  debits: bigint
  credits: bigint
  seq: bigint
}

export interface ModelAccount {
  readonly name: AccountName
  readonly currency: string
  readonly kind: AccountKind
  readonly metadata: Metadata | null
  /** Other worlds move money on it too: without limits, and with numbers nobody can predict. */
  readonly shared: boolean
  floor: bigint | null
  ceiling: bigint | null
  /** As it was created: what a replay of its creation is compared with. */
  readonly firstLimits: readonly [floor: bigint | null, ceiling: bigint | null]
  debitsFrozen: boolean
  creditsFrozen: boolean
  closed: boolean
  /** 0: exact. */
  readonly shards: number
  /** One, or one for each part. */
  readonly parts: readonly Part[]
}

export interface Row {
  readonly kind: TransferKind
  readonly id: IdName
  readonly debit: AccountName
  readonly credit: AccountName
  readonly amount: bigint
  readonly currency: string
  readonly code: string | null
  readonly metadata: Metadata | null
  readonly effectiveAt: number | null
  /** Of a capture. */
  readonly hold: IdName | null
  readonly final: boolean
  /** Of a reversal. */
  readonly reverses: IdName | null
  /** Of a leg. */
  readonly journal: IdName | null
  readonly leg: number | null
  /** Of a capture or reversal: it asked for what remained. */
  readonly remainder: boolean
  /** 0: the account is exact. */
  readonly debitShard: number
  readonly creditShard: number
  readonly debitSeq: bigint
  readonly creditSeq: bigint
  readonly debitBalance: bigint
  readonly creditBalance: bigint
}

export interface ModelHold {
  readonly id: IdName
  readonly debit: AccountName
  readonly credit: AccountName
  readonly amount: bigint
  readonly currency: string
  readonly code: string | null
  readonly metadata: Metadata | null
  readonly expires: Expires
  /**
   * `over`: its time was up. Whether it counts as expired or as released then depends on who came
   * across it first, a clean-up of anybody's or a release; neither holds any money.
   */
  state: 'open' | 'captured' | 'released' | 'over'
  captured: bigint
}

export interface ModelJournal {
  readonly id: IdName
  readonly legs: readonly IdName[]
  readonly code: string | null
  readonly metadata: Metadata | null
  readonly effectiveAt: number | null
}

/** A refusal that was written down. */
export interface ModelRejection {
  readonly request: TransferRequest | HoldRequest
  readonly reason: RejectionReason
}

export interface State {
  readonly accounts: Map<AccountName, ModelAccount>
  /** The journal by id, in the order in which it was written. */
  readonly rows: Map<IdName, Row>
  readonly holds: Map<IdName, ModelHold>
  readonly journals: Map<IdName, ModelJournal>
  readonly rejections: Map<IdName, ModelRejection>
  /** Ids released before anything was posted or held under them. */
  readonly tombstones: Set<IdName>
  /** No movement may count before this time. */
  sealedUntil: number | null
}

export const emptyState = (): State => ({
  accounts: new Map(),
  rows: new Map(),
  holds: new Map(),
  journals: new Map(),
  rejections: new Map(),
  tombstones: new Set(),
  sealedUntil: null,
})

/** A copy that shares only what never changes. */
export const copyOf = (state: State): State => ({
  accounts: mapOf(state.accounts, (account) => ({
    ...account,
    parts: account.parts.map((part) => ({ ...part })),
  })),
  rows: new Map(state.rows),
  holds: mapOf(state.holds, (hold) => ({ ...hold })),
  journals: new Map(state.journals),
  rejections: new Map(state.rejections),
  tombstones: new Set(state.tombstones),
  sealedUntil: state.sealedUntil,
})

const mapOf = <K, V>(map: ReadonlyMap<K, V>, change: (value: V) => V): Map<K, V> =>
  new Map([...map].map(([key, value]) => [key, change(value)]))

export const isDebitNormal = (account: ModelAccount): boolean =>
  account.kind === 'asset' || account.kind === 'expense'

const sum = (numbers: Iterable<bigint>): bigint => {
  let total = 0n
  for (const number of numbers) total += number
  return total
}

export const debitsOf = (account: ModelAccount): bigint => sum(account.parts.map((p) => p.debits))
export const creditsOf = (account: ModelAccount): bigint => sum(account.parts.map((p) => p.credits))

/** Posted balance on the account's normal side. */
export const balanceOf = (account: ModelAccount): bigint => {
  const difference = debitsOf(account) - creditsOf(account)
  return isDebitNormal(account) ? difference : -difference
}

export const remainingOf = (hold: ModelHold): bigint =>
  hold.state === 'open' ? hold.amount - hold.captured : 0n

/** What open holds reserve on one side of an account. */
export function pendingOf(state: State, side: 'debit' | 'credit', account: AccountName): bigint {
  const held = [...state.holds.values()].filter((hold) => hold[side] === account)
  return sum(held.map(remainingOf))
}

/** How much of a row was given back so far. */
export const reversedOf = (state: State, id: IdName): bigint =>
  sum([...state.rows.values()].filter((row) => row.reverses === id).map((row) => row.amount))

/** Balance less what open holds will take out of it. */
export const availableOf = (state: State, account: ModelAccount): bigint =>
  balanceOf(account) - pendingOf(state, isDebitNormal(account) ? 'credit' : 'debit', account.name)
