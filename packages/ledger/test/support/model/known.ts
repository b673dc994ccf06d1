import { type Answer, rejected } from './refusal.ts'
import type {
  CaptureRequest,
  HoldRequest,
  IdName,
  Movement,
  ReverseRequest,
  TransferRequest,
} from './requests.ts'
import type { ModelRejection, Row, State } from './state.ts'
import { holdView, rejectionView, transferView } from './views.ts'

/* What a request is told whose id is in use: the same again, another thing, or that it never posts. */

export function knownTransfer(state: State, request: TransferRequest): Answer | null {
  const refused = state.rejections.get(request.id)
  if (refused?.request.verb === 'transfer') {
    return knownRejection(refused, [
      ...movementDifferences(refused.request, request),
      ...(refused.request.effectiveAt === request.effectiveAt ? [] : ['effectiveAt']),
    ])
  }
  const row = state.rows.get(request.id)
  if (row?.kind !== 'transfer') return knownOtherwise(state, request.id)
  return knownRow(state, row, [
    ...movementDifferences(row, request),
    ...(row.effectiveAt === request.effectiveAt ? [] : ['effectiveAt']),
  ])
}

export function knownCapture(
  state: State,
  id: IdName,
  request: CaptureRequest & { final: boolean },
): Answer | null {
  const row = state.rows.get(id)
  if (row?.kind !== 'capture') {
    return knownOtherwise(state, id, id === request.hold ? id : undefined)
  }
  return knownRow(state, row, [
    ...(row.hold === request.hold ? [] : ['holdId']),
    ...(isSameAmount(row, request.amount) ? [] : ['amountMinor']),
    ...(row.final === request.final ? [] : ['final']),
    ...(row.effectiveAt === request.effectiveAt ? [] : ['effectiveAt']),
  ])
}

export function knownReversal(state: State, request: ReverseRequest): Answer | null {
  const row = state.rows.get(request.id)
  if (row?.kind !== 'reversal') return knownOtherwise(state, request.id)
  return knownRow(state, row, [
    ...(row.reverses === request.original ? [] : ['transferId']),
    ...(isSameAmount(row, request.amount) ? [] : ['amountMinor']),
    ...(row.code === request.code ? [] : ['code']),
    ...(isSameJson(row.metadata, request.metadata) ? [] : ['metadata']),
    ...(row.effectiveAt === request.effectiveAt ? [] : ['effectiveAt']),
  ])
}

export function knownHold(state: State, request: HoldRequest): Answer | null {
  if (state.tombstones.has(request.id)) return rejected('hold_released')
  const hold = state.holds.get(request.id)
  const refused = state.rejections.get(request.id)
  if (refused?.request.verb === 'hold') {
    return knownRejection(refused, [
      ...movementDifferences(refused.request, request),
      ...(refused.request.expires === request.expires ? [] : ['expiresInMs']),
    ])
  }
  if (hold === undefined) return knownOtherwise(state, request.id)
  const differs = [
    ...movementDifferences(hold, request),
    ...(hold.expires === request.expires ? [] : ['expiresInMs']),
  ]
  const view = holdView(hold)
  if (differs.length > 0) return { outcome: 'conflict', differs, existing: view }
  const isGone = hold.state === 'released' || hold.state === 'over'
  const no = isGone ? rejected(`hold_${hold.state as 'over'}`, { hold: view }) : null
  return no ?? { outcome: 'replayed', hold: view }
}

function knownRow(state: State, row: Row, differs: readonly string[]): Answer {
  const view = transferView(state, row)
  if (differs.length > 0) return { outcome: 'conflict', differs, existing: view }
  return { outcome: 'replayed', transfer: view }
}

/** The same request again, after its refusal was written down; or another one. */
function knownRejection(refused: ModelRejection, differs: readonly string[]): Answer {
  return differs.length > 0
    ? { outcome: 'conflict', differs, existing: rejectionView(refused) }
    : rejected('previously_rejected', { reason: refused.reason })
}

/** An id that names a thing of another kind; `own`: a hold that it may name. */
function knownOtherwise(state: State, id: IdName, own?: IdName): Answer | null {
  const refused = state.rejections.get(id)
  if (refused !== undefined) {
    return { outcome: 'conflict', differs: ['kind'], existing: rejectionView(refused) }
  }
  if (state.tombstones.has(id)) return rejected('hold_released')
  const row = state.rows.get(id)
  const hold = state.holds.get(id)
  const existing =
    row !== undefined
      ? transferView(state, row)
      : hold !== undefined && hold.id !== own
        ? holdView(hold)
        : null
  return existing === null ? null : { outcome: 'conflict', differs: ['kind'], existing }
}

export const isSameJson = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

const isSameAmount = (row: Row, amount: bigint | null): boolean =>
  row.remainder ? amount === null : row.amount === amount

/** The fields of a known movement that a request has otherwise, in the order of the request. */
export function movementDifferences(known: Movement, request: Movement): string[] {
  return [
    ...(known.debit === request.debit ? [] : ['debitAccountId']),
    ...(known.credit === request.credit ? [] : ['creditAccountId']),
    ...(known.amount === request.amount ? [] : ['amountMinor']),
    ...(known.currency === request.currency ? [] : ['currency']),
    ...(known.code === request.code ? [] : ['code']),
    ...(isSameJson(known.metadata, request.metadata) ? [] : ['metadata']),
  ]
}
