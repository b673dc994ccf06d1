import type { AccountResult } from './accounts.ts'
import { type Item, transferOf } from './item.ts'
import type {
  HoldResult,
  JournalResult,
  RejectionDetail,
  ReleaseResult,
  TransferResult,
} from './outcomes.ts'
import type {
  Account,
  AccountChange,
  Balance,
  BalanceAt,
  Entry,
  Hold,
  Journal,
  Lookup,
  Rejection,
  Statement,
  Transfer,
  TrialBalance,
} from './records.ts'

/*
 * From the JSON of the SQL functions to the public records. Every bigint travels as text;
 * `metadata` is the caller's own and is passed on untouched.
 */

// Written by our own functions, of one version with this file: read without checking.
type Json = Record<string, any>

const date = (text: string | null): Date | null => (text === null ? null : new Date(text))
const amount = (text: string | null): bigint | null => (text === null ? null : BigInt(text))

export function decodeAccount(json: Json): Account {
  return {
    id: json.id,
    currency: json.currency,
    kind: json.kind,
    normalSide: json.normalSide,
    floorMinor: amount(json.floorMinor),
    ceilingMinor: amount(json.ceilingMinor),
    hot: json.shards === 0 ? 'exact' : `sharded:${json.shards}`,
    frozen: json.frozen,
    closedAt: date(json.closedAt),
    metadata: json.metadata,
    createdAt: new Date(json.createdAt),
  }
}

export function decodeAccountChanges(value: unknown): AccountChange[] {
  return (value as Json[]).map((json) => ({
    no: json.no,
    change: json.change,
    floorMinor: amount(json.floorMinor),
    ceilingMinor: amount(json.ceilingMinor),
    frozen: json.frozen,
    closed: json.closed,
    reason: json.reason,
    createdAt: new Date(json.createdAt),
  }))
}

export function decodeTransfer(json: Json): Transfer {
  return {
    kind: json.kind,
    id: json.id,
    debitAccountId: json.debitAccountId,
    creditAccountId: json.creditAccountId,
    amountMinor: BigInt(json.amountMinor),
    currency: json.currency,
    code: json.code,
    metadata: json.metadata,
    holdId: json.holdId,
    reversesId: json.reversesId,
    journalId: json.journalId,
    leg: json.leg,
    debitShard: json.debitShard,
    creditShard: json.creditShard,
    debitSeq: BigInt(json.debitSeq),
    creditSeq: BigInt(json.creditSeq),
    debitBalanceMinor: BigInt(json.debitBalanceMinor),
    creditBalanceMinor: BigInt(json.creditBalanceMinor),
    effectiveAt: new Date(json.effectiveAt),
    createdAt: new Date(json.createdAt),
  }
}

export function decodeHold(json: Json): Hold {
  return {
    kind: 'hold',
    id: json.id,
    state: json.state,
    debitAccountId: json.debitAccountId,
    creditAccountId: json.creditAccountId,
    amountMinor: BigInt(json.amountMinor),
    capturedMinor: BigInt(json.capturedMinor),
    remainingMinor: BigInt(json.remainingMinor),
    currency: json.currency,
    code: json.code,
    metadata: json.metadata,
    expiresInMs: json.expiresInMs === null ? null : Number(json.expiresInMs),
    expiresAt: date(json.expiresAt),
    createdAt: new Date(json.createdAt),
    settledAt: date(json.settledAt),
  }
}

const AMOUNTS_OF_DETAIL = [
  'availableMinor',
  'floorMinor',
  'ceilingMinor',
  'remainingMinor',
  'balanceMinor',
] as const

function decodeDetail(json: Json): RejectionDetail {
  const detail: Json = { ...json }
  for (const field of AMOUNTS_OF_DETAIL) {
    if (field in detail) detail[field] = BigInt(detail[field])
  }
  if ('hold' in detail) detail.hold = decodeHold(detail.hold)
  if ('rejectedAt' in detail) detail.rejectedAt = new Date(detail.rejectedAt)
  if ('sealedUntil' in detail) detail.sealedUntil = new Date(detail.sealedUntil)
  return detail
}

function decodeRejection(json: Json): Rejection {
  return {
    kind: 'rejection',
    id: json.id,
    verb: json.verb,
    debitAccountId: json.debitAccountId,
    creditAccountId: json.creditAccountId,
    amountMinor: BigInt(json.amountMinor),
    currency: json.currency,
    code: json.code,
    metadata: json.metadata,
    effectiveAt: date(json.effectiveAt),
    expiresInMs: json.expiresInMs,
    reason: json.reason,
    detail: json.detail === null ? null : decodeDetail(json.detail),
    rejectedAt: new Date(json.rejectedAt),
  }
}

function decodeExisting(json: Json): Transfer | Hold | Rejection {
  if (json.kind === 'hold') return decodeHold(json)
  return json.kind === 'rejection' ? decodeRejection(json) : decodeTransfer(json)
}

/** Rejections and conflicts, which all verbs share; null for an answer of the verb's own. */
function decodeRefusal(
  json: Json,
): Extract<TransferResult, { outcome: 'rejected' | 'conflict' }> | null {
  if (json.outcome === 'rejected') {
    const detail = json.detail ? { detail: decodeDetail(json.detail) } : {}
    return { outcome: 'rejected', reason: json.reason, ...detail }
  }
  if (json.outcome === 'conflict') {
    const { existing } = json
    return {
      outcome: 'conflict',
      differs: json.differs,
      existing: decodeExisting(existing),
    }
  }
  return null
}

export function decodeTransferResult(value: unknown): TransferResult {
  const json = value as Json
  return decodeRefusal(json) ?? { outcome: json.outcome, transfer: decodeTransfer(json.transfer) }
}

export function decodeJournal(json: Json): Journal {
  return {
    kind: 'journal',
    id: json.id,
    code: json.code,
    metadata: json.metadata,
    effectiveAt: new Date(json.effectiveAt),
    createdAt: new Date(json.createdAt),
    transfers: json.transfers.map(decodeTransfer),
  }
}

/** A leg that cannot be written is answered as a transfer of its own would be, with its index. */
export function decodeJournalResult(value: unknown): JournalResult {
  const json = value as Json
  if ('leg' in json) return refusedLeg(json.leg, decodeTransferResult(json.answer))
  if (json.outcome === 'conflict') {
    return { outcome: 'conflict', differs: json.differs, existing: decodeJournal(json.existing) }
  }
  return { outcome: json.outcome, journal: decodeJournal(json.journal) }
}

function refusedLeg(leg: number, answer: TransferResult): JournalResult {
  if (answer.outcome === 'rejected') return { ...answer, detail: { ...answer.detail, leg } }
  if (answer.outcome === 'conflict') {
    const differs = answer.differs.map((field) => `transfers[${leg}].${field}`)
    return { ...answer, differs }
  }
  // The very same transfer, but by itself or in another journal: only its id is in the way.
  const { transfer } = answer as Extract<TransferResult, { outcome: 'replayed' }>
  return { outcome: 'conflict', differs: [`transfers[${leg}].id`], existing: transfer }
}

/** The answer to a transfer: what was decided of `item`, or a whole answer. */
export function decodePosted(value: unknown, item: Item): TransferResult {
  const { decided } = value as { readonly decided?: readonly string[] }
  if (decided === undefined) return decodeTransferResult(value)
  const [debitShard, debitSeq, debitBalance, creditShard, creditSeq, creditBalance, micros] =
    decided as readonly [string, string, string, string, string, string, string]
  const transfer = transferOf(item, {
    debitShard: Number(debitShard),
    creditShard: Number(creditShard),
    debitSeq: BigInt(debitSeq),
    creditSeq: BigInt(creditSeq),
    debitBalanceMinor: BigInt(debitBalance),
    creditBalanceMinor: BigInt(creditBalance),
    createdAt: new Date(Number(micros) / 1_000),
  })
  return { outcome: 'created', transfer }
}

export function decodeHoldResult(value: unknown): HoldResult {
  const json = value as Json
  return decodeRefusal(json) ?? { outcome: json.outcome, hold: decodeHold(json.hold) }
}

export function decodeReleaseResult(value: unknown): ReleaseResult {
  const json = value as Json
  if (json.outcome === 'rejected') {
    const detail = json.detail ? { detail: decodeDetail(json.detail) } : {}
    const transfer = decodeTransfer(json.transfer)
    return { outcome: 'rejected', reason: 'already_captured', transfer, ...detail }
  }
  const hold = json.hold === null ? null : decodeHold(json.hold)
  return { outcome: json.outcome, state: 'released', hold }
}

export function decodeAccountResult(value: unknown): AccountResult {
  const json = value as Json
  if (json.outcome === 'conflict') {
    return { outcome: 'conflict', differs: json.differs, existing: decodeAccount(json.existing) }
  }
  if (json.outcome === 'rejected') {
    return { outcome: 'rejected', reason: json.reason, detail: decodeDetail(json.detail) }
  }
  return { outcome: json.outcome, account: decodeAccount(json.account) }
}

export function decodeLookup(value: unknown): Lookup | null {
  const json = value as Json | null
  if (json === null) return null
  if (json.kind === 'transfer') {
    const reversedMinor = BigInt(json.reversedMinor)
    return { kind: 'transfer', transfer: decodeTransfer(json.transfer), reversedMinor }
  }
  if (json.kind === 'hold') {
    const captures = json.captures.map(decodeTransfer)
    const reversedMinor = BigInt(json.reversedMinor)
    return { kind: 'hold', hold: decodeHold(json.hold), captures, reversedMinor }
  }
  if (json.kind === 'rejection') {
    return { kind: 'rejection', rejection: decodeRejection(json.rejection) }
  }
  if (json.kind === 'journal') return { kind: 'journal', journal: decodeJournal(json.journal) }
  return { kind: 'tombstone', id: json.id, releasedAt: new Date(json.releasedAt) }
}

export function decodeBalance(value: unknown): Balance | null {
  const json = value as Json | null
  if (json === null) return null
  return {
    accountId: json.accountId,
    currency: json.currency,
    exponent: json.exponent,
    kind: json.kind,
    normalSide: json.normalSide,
    postedDebitsMinor: BigInt(json.postedDebitsMinor),
    postedCreditsMinor: BigInt(json.postedCreditsMinor),
    pendingDebitsMinor: BigInt(json.pendingDebitsMinor),
    pendingCreditsMinor: BigInt(json.pendingCreditsMinor),
    balanceMinor: BigInt(json.balanceMinor),
    availableMinor: BigInt(json.availableMinor),
    floorMinor: amount(json.floorMinor),
    ceilingMinor: amount(json.ceilingMinor),
    seq: BigInt(json.seq),
  }
}

export function decodeEntries(value: unknown): Entry[] {
  return (value as Json[]).map((json) => ({
    seq: BigInt(json.seq),
    side: json.side,
    amountMinor: BigInt(json.amountMinor),
    balanceMinor: BigInt(json.balanceMinor),
    counterpartAccountId: json.counterpartAccountId,
    transferId: json.transferId,
    kind: json.kind,
    holdId: json.holdId,
    reversesId: json.reversesId,
    journalId: json.journalId,
    currency: json.currency,
    code: json.code,
    metadata: json.metadata,
    effectiveAt: new Date(json.effectiveAt),
    createdAt: new Date(json.createdAt),
  }))
}

/** Currency, kind and side of an account, which several answers begin with. */
const accountOf = (json: Json): Omit<BalanceAt, 'asOf' | 'axis' | 'balanceMinor'> => ({
  accountId: json.accountId,
  currency: json.currency,
  exponent: json.exponent,
  kind: json.kind,
  normalSide: json.normalSide,
})

export function decodeBalanceAt(
  value: unknown,
  asked: Pick<BalanceAt, 'asOf' | 'axis'>,
): BalanceAt | null {
  const json = value as Json | null
  if (json === null) return null
  return { ...accountOf(json), ...asked, balanceMinor: BigInt(json.balanceMinor) }
}

/** `limit`: one line more than asked for was read, which tells whether there is a next page. */
export function decodeStatement(
  value: unknown,
  asked: Pick<Statement, 'from' | 'to'>,
  limit: number,
): Statement | null {
  const json = value as Json | null
  if (json === null) return null
  const found = decodeEntries(json.page.lines)
  const lines = found.slice(0, limit)
  const openingMinor = BigInt(json.page.opening)
  const last = lines.at(-1)
  const { period } = json
  return {
    ...accountOf(json),
    ...asked,
    openingMinor,
    lines,
    closingMinor: last?.balanceMinor ?? openingMinor,
    next: found.length > limit ? (last?.seq ?? null) : null,
    period:
      period === null
        ? null
        : {
            openingMinor: BigInt(period.opening),
            closingMinor: BigInt(period.closing),
            debitsMinor: BigInt(period.debits),
            creditsMinor: BigInt(period.credits),
            lines: BigInt(period.lines),
          },
  }
}

export function decodeTrialBalance(value: unknown): TrialBalance {
  const json = value as Json
  return {
    balanced: json.balanced,
    totals: json.totals.map((total: Json) => ({
      currency: total.currency,
      postedDebitsMinor: BigInt(total.postedDebitsMinor),
      postedCreditsMinor: BigInt(total.postedCreditsMinor),
      differenceMinor: BigInt(total.differenceMinor),
    })),
    lines: json.lines.map((line: Json) => ({
      currency: line.currency,
      kind: line.kind,
      accounts: BigInt(line.accounts),
      postedDebitsMinor: BigInt(line.postedDebitsMinor),
      postedCreditsMinor: BigInt(line.postedCreditsMinor),
    })),
  }
}
