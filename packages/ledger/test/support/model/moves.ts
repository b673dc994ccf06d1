import { knownCapture, knownHold, knownReversal, knownTransfer } from './known.ts'
import {
  type Answer,
  isAnswer,
  refusal,
  rejected,
  sealRefusal,
  shapeRefusal,
  sidesOf,
} from './refusal.ts'
import type {
  CaptureRequest,
  HoldRequest,
  IdName,
  ReleaseRequest,
  ReverseRequest,
  TransferRequest,
} from './requests.ts'
import {
  isDebitNormal,
  type ModelAccount,
  type ModelHold,
  type ModelRejection,
  type Part,
  remainingOf,
  reversedOf,
  type Row,
  type State,
} from './state.ts'
import { holdView, transferView } from './views.ts'

/* The verbs that move or reserve money. */

export function transfer(state: State, request: TransferRequest): Answer {
  const known = shapeRefusal(request) ?? knownTransfer(state, request)
  if (known !== null) return known
  const no = refusal(state, request, request.effectiveAt)
  if (no !== null) return remembered(state, request, no)
  return post(state, request)
}

/** Posts a transfer that nothing speaks against. */
export function post(
  state: State,
  request: TransferRequest,
  of: Partial<Pick<Row, 'journal' | 'leg' | 'effectiveAt'>> = {},
): Answer {
  const { verb, onReject: _, ...movement } = request
  return moveMoney(state, { ...OF_NO_OTHER, ...movement, kind: verb, ...of })
}

/** Writes a refusal down, if the request says so. */
function remembered(state: State, request: TransferRequest | HoldRequest, no: Answer): Answer {
  if (request.onReject === 'record') {
    const reason = no['reason'] as ModelRejection['reason']
    state.rejections.set(request.id, { request, reason })
  }
  return no
}

export function hold(state: State, request: HoldRequest): Answer {
  const known = shapeRefusal(request) ?? knownHold(state, request)
  if (known !== null) return known
  const no = refusal(state, request, null)
  if (no !== null) return remembered(state, request, no)
  const { verb: _, onReject: __, ...movement } = request
  const placed: ModelHold = { ...movement, state: 'open', captured: 0n }
  state.holds.set(placed.id, placed)
  const answer = { outcome: 'created', hold: holdView(placed) }
  // The client waits for its end before it asks for anything else.
  if (placed.expires === 'soon') placed.state = 'over'
  return answer
}

export function capture(state: State, request: CaptureRequest): Answer {
  if (request.amount !== null && request.amount <= 0n) {
    return rejected('amount_invalid', { field: 'amountMinor' })
  }
  const id = request.id ?? request.hold
  const final = request.final ?? request.amount === null
  const known = knownCapture(state, id, { ...request, final })
  if (known !== null) return known
  const held = state.holds.get(request.hold)
  if (held === undefined) {
    return rejected(state.tombstones.has(request.hold) ? 'hold_released' : 'hold_not_found')
  }
  const amount = request.amount ?? remainingOf(held)
  const sides = sidesOf(state, held)
  const no =
    captureRefusal(held, amount) ??
    (isAnswer(sides) ? sides : null) ??
    sealRefusal(state, request.effectiveAt)
  if (no !== null) return no
  held.captured += amount
  if (final || held.captured === held.amount) held.state = 'captured'
  const { id: holdId, expires: _, state: __, captured: ___, ...movement } = held
  return moveMoney(state, {
    ...OF_NO_OTHER,
    ...movement,
    kind: 'capture',
    id,
    amount,
    effectiveAt: request.effectiveAt,
    hold: holdId,
    final,
    remainder: request.amount === null,
  })
}

function captureRefusal(held: ModelHold, amount: bigint): Answer | null {
  if (held.state === 'open') {
    const remainingMinor = remainingOf(held)
    return amount > remainingMinor ? rejected('exceeds_hold', { remainingMinor }) : null
  }
  const reason = held.state === 'captured' ? 'already_captured' : `hold_${held.state}`
  return rejected(reason as 'already_captured', { hold: holdView(held) })
}

export function release(state: State, request: ReleaseRequest): Answer {
  const { rows, holds, tombstones } = state
  const held = holds.get(request.hold)
  if (held === undefined) {
    const row = rows.get(request.hold)
    if (row !== undefined) return alreadyCaptured(state, row)
    const outcome = tombstones.has(request.hold) ? 'replayed' : 'created'
    tombstones.add(request.hold)
    return { outcome, state: 'released', hold: null }
  }
  if (held.state === 'captured') {
    const captures = [...rows.values()].filter((row) => row.hold === held.id)
    return alreadyCaptured(state, captures.at(-1) as Row, held)
  }
  const outcome = { open: 'created', released: 'replayed', over: 'done' }[held.state]
  if (held.state === 'open') held.state = 'released'
  return { outcome, state: 'released', hold: holdView(held) }
}

function alreadyCaptured(state: State, row: Row, held?: ModelHold): Answer {
  const answer = rejected('already_captured', held && { hold: holdView(held) })
  return { ...answer, transfer: transferView(state, row) }
}

export function reverse(state: State, request: ReverseRequest): Answer {
  if (request.amount !== null && request.amount <= 0n) {
    return rejected('amount_invalid', { field: 'amountMinor' })
  }
  const known = knownReversal(state, request)
  if (known !== null) return known
  const { rows, holds, rejections, tombstones } = state
  const { id, original: originalId, code, metadata, effectiveAt } = request
  const original = rows.get(originalId)
  if (original === undefined || original.kind === 'reversal') {
    const isKnown =
      original ?? holds.get(originalId) ?? rejections.get(originalId) ?? tombstones.has(originalId)
    return rejected(isKnown ? 'not_reversible' : 'transfer_not_found')
  }
  const remainingMinor = original.amount - reversedOf(state, originalId)
  const amount = request.amount ?? remainingMinor
  if (amount > remainingMinor || remainingMinor === 0n) {
    return rejected('exceeds_original', { remainingMinor })
  }
  const { debit, credit, currency } = original
  const back = { id, debit: credit, credit: debit, amount, currency, code, metadata }
  const no = refusal(state, back, effectiveAt)
  if (no !== null) return no
  return moveMoney(state, {
    ...OF_NO_OTHER,
    ...back,
    kind: 'reversal',
    effectiveAt,
    reverses: originalId,
    remainder: request.amount === null,
  })
}

const OF_NO_OTHER = {
  hold: null,
  final: false,
  reverses: null,
  journal: null,
  leg: null,
  remainder: false,
} as const

type Decided =
  | 'debitShard'
  | 'creditShard'
  | 'debitSeq'
  | 'creditSeq'
  | 'debitBalance'
  | 'creditBalance'

/** Writes the journal row and moves its amount. */
function moveMoney(state: State, movement: Omit<Row, Decided>): Answer {
  const debit = state.accounts.get(movement.debit) as ModelAccount
  const credit = state.accounts.get(movement.credit) as ModelAccount
  // A capture posts where its hold is.
  const id = movement.hold ?? movement.id
  const [debitShard, creditShard] = [shardOf(debit, id), shardOf(credit, id)]
  const from = partOf(debit, debitShard)
  const to = partOf(credit, creditShard)
  from.debits += movement.amount
  from.seq += 1n
  to.credits += movement.amount
  to.seq += 1n
  const row: Row = {
    ...movement,
    debitShard,
    creditShard,
    debitSeq: from.seq,
    creditSeq: to.seq,
    debitBalance: normalBalance(debit, from),
    creditBalance: normalBalance(credit, to),
  }
  state.rows.set(row.id, row)
  return { outcome: 'created', transfer: transferView(state, row) }
}

const normalBalance = (account: ModelAccount, part: Part): bigint =>
  isDebitNormal(account) ? part.debits - part.credits : part.credits - part.debits

/** A sharded account takes the part that the last byte of the id says; 0: it is exact. */
const shardOf = ({ shards }: ModelAccount, id: IdName): number =>
  shards === 0 ? 0 : 1 + (Number(id.slice(1)) % shards)

const partOf = ({ parts }: ModelAccount, shard: number): Part =>
  parts[Math.max(shard - 1, 0)] as Part
