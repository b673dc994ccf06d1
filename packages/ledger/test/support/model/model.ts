import { moveMoney, newHold } from './moves.ts'
import { type Answer, refusal, rejected, sealRefusal, shapeRefusal } from './refusal.ts'
import type {
  CaptureRequest,
  HoldRequest,
  IdName,
  OpenRequest,
  ReadRequest,
  ReleaseRequest,
  TransferRequest,
  WriteRequest,
} from './requests.ts'
import {
  copyOf,
  emptyState,
  type ModelAccount,
  type ModelHold,
  remainingOf,
  type Row,
  type State,
} from './state.ts'
import { accountView, balanceView, entryViews, holdView, transferView } from './views.ts'

/*
 * The ledger as a page of arithmetic: what each verb must answer, one after another, for one client.
 * It knows no locks, no SQL and no clock.
 */
export class Model {
  readonly state: State

  constructor(state: State = emptyState()) {
    this.state = state
  }

  copy(): this {
    return new (this.constructor as new (state: State) => this)(copyOf(this.state))
  }

  /** An account that is there from the start. */
  add(account: Omit<ModelAccount, 'parts'>, parts = 1): void {
    const rows = Array.from({ length: parts }, () => ({ debits: 0n, credits: 0n, seq: 0n }))
    this.state.accounts.set(account.name, { ...account, parts: rows })
  }

  /** Does it, and says how the ledger must answer. */
  apply(request: WriteRequest): Answer {
    switch (request.verb) {
      case 'transfer':
        return this.transfer(request)
      case 'hold':
        return this.hold(request)
      case 'capture':
        return this.capture(request)
      case 'release':
        return this.release(request)
      case 'open':
        return this.open(request)
    }
  }

  /** What a read must show now. */
  read(request: ReadRequest): unknown {
    if (request.verb === 'lookup') return this.lookup(request.id)
    const account = this.state.accounts.get(request.account)
    if (request.verb === 'balance') {
      return account === undefined ? null : balanceView(this.state, account)
    }
    const { after, limit, newestFirst } = request
    const all = account === undefined || account.shared ? [] : entryViews(this.state, account.name)
    const ordered = newestFirst ? all.toReversed() : all
    const rest = ordered.filter(({ seq }) =>
      after === null ? true : newestFirst ? (seq as bigint) < after : (seq as bigint) > after,
    )
    const entries = rest.slice(0, limit)
    return { entries, next: rest.length > limit ? (entries.at(-1)?.['seq'] ?? null) : null }
  }

  protected transfer(request: TransferRequest): Answer {
    const known = shapeRefusal(request) ?? this.#knownTransfer(request)
    if (known !== null) return known
    const no = refusal(this.state, request, request.effectiveAt)
    if (no !== null) return no
    const { verb, ...movement } = request
    const row = moveMoney(this.state, {
      ...movement,
      kind: verb,
      hold: null,
      final: false,
      remainder: false,
    })
    return { outcome: 'created', transfer: transferView(this.state, row) }
  }

  protected hold(request: HoldRequest): Answer {
    const known = shapeRefusal(request) ?? this.#knownHold(request)
    if (known !== null) return known
    const no = refusal(this.state, request, null)
    if (no !== null) return no
    const hold = newHold(this.state, request)
    const answer = { outcome: 'created', hold: holdView(hold) }
    // The client waits for its end before it asks for anything else.
    if (hold.expires === 'soon') hold.state = 'over'
    return answer
  }

  protected capture(request: CaptureRequest): Answer {
    const id = request.id ?? request.hold
    const final = request.final ?? request.amount === null
    if (request.amount !== null && request.amount <= 0n) {
      return rejected('amount_invalid', { field: 'amountMinor' })
    }
    const known = this.#knownCapture(id, { ...request, final })
    if (known !== null) return known
    const hold = this.state.holds.get(request.hold)
    if (hold === undefined) {
      return rejected(this.state.tombstones.has(request.hold) ? 'hold_released' : 'hold_not_found')
    }
    const no = this.#holdRefusal(hold) ?? sealRefusal(this.state, request.effectiveAt)
    const amount = request.amount ?? remainingOf(hold)
    if (hold.state === 'open' && amount > this.capturable(hold)) {
      return rejected('exceeds_hold', { remainingMinor: remainingOf(hold) })
    }
    if (no !== null) return no
    hold.captured += amount
    if (final || hold.captured === hold.amount) hold.state = 'captured'
    const { debit, credit, currency, code, metadata } = hold
    const row = moveMoney(this.state, {
      kind: 'capture',
      id,
      debit,
      credit,
      amount,
      currency,
      code,
      metadata,
      effectiveAt: request.effectiveAt,
      hold: hold.id,
      final,
      remainder: request.amount === null,
    })
    return { outcome: 'created', transfer: transferView(this.state, row) }
  }

  /** How much of a hold may be captured; a wrong model says something else. */
  protected capturable(hold: ModelHold): bigint {
    return remainingOf(hold)
  }

  protected release(request: ReleaseRequest): Answer {
    const { rows, holds, tombstones } = this.state
    const hold = holds.get(request.hold)
    if (hold === undefined) {
      const row = rows.get(request.hold)
      if (row !== undefined) return this.#alreadyCaptured(row)
      const outcome = tombstones.has(request.hold) ? 'replayed' : 'created'
      tombstones.add(request.hold)
      return { outcome, state: 'released', hold: null }
    }
    if (hold.state === 'captured') {
      const captures = [...rows.values()].filter((row) => row.hold === hold.id)
      return this.#alreadyCaptured(captures.at(-1) as Row, hold)
    }
    const outcome = { open: 'created', released: 'replayed', over: 'done' }[hold.state]
    if (hold.state === 'open') hold.state = 'released'
    return { outcome, state: 'released', hold: holdView(hold) }
  }

  protected open(request: OpenRequest): Answer {
    const { account: name, currency, kind, floor, ceiling, metadata } = request
    const account = this.state.accounts.get(name)
    if (account === undefined) {
      this.add({ name, currency, kind, floor, ceiling, metadata, shared: false })
      const added = this.state.accounts.get(name) as ModelAccount
      return { outcome: 'created', account: accountView(added) }
    }
    const differs = [
      ...(account.currency === currency ? [] : ['currency']),
      ...(account.kind === kind ? [] : ['kind']),
      ...(account.floor === floor ? [] : ['floorMinor']),
      ...(account.ceiling === ceiling ? [] : ['ceilingMinor']),
      ...(sameJson(account.metadata, metadata) ? [] : ['metadata']),
    ]
    const view = accountView(account)
    if (differs.length > 0) return { outcome: 'conflict', differs, existing: view }
    return { outcome: 'replayed', account: view }
  }

  protected lookup(id: IdName): unknown {
    const { rows, holds, tombstones } = this.state
    const hold = holds.get(id)
    if (hold !== undefined) {
      const captures = [...rows.values()].filter((row) => row.hold === id)
      const views = captures.map((row) => transferView(this.state, row))
      return { kind: 'hold', hold: holdView(hold), captures: views }
    }
    const row = rows.get(id)
    if (row !== undefined) return { kind: 'transfer', transfer: transferView(this.state, row) }
    return tombstones.has(id) ? { kind: 'tombstone', id } : null
  }

  #alreadyCaptured(row: Row, hold?: ModelHold): Answer {
    const answer = rejected('already_captured', hold && { hold: holdView(hold) })
    return { ...answer, transfer: transferView(this.state, row) }
  }

  #holdRefusal(hold: ModelHold): Answer | null {
    if (hold.state === 'open') return null
    const reason = hold.state === 'captured' ? 'already_captured' : `hold_${hold.state}`
    return rejected(reason as 'already_captured', { hold: holdView(hold) })
  }

  #knownTransfer(request: TransferRequest): Answer | null {
    const row = this.state.rows.get(request.id)
    if (row?.kind !== 'transfer') return this.#knownOtherwise(request.id)
    const differs = [
      ...movementDifferences(row, request),
      ...(row.effectiveAt === request.effectiveAt ? [] : ['effectiveAt']),
    ]
    return this.#knownRow(row, differs)
  }

  #knownCapture(id: IdName, request: CaptureRequest & { final: boolean }): Answer | null {
    const row = this.state.rows.get(id)
    if (row?.kind !== 'capture') {
      return this.#knownOtherwise(id, id === request.hold ? id : undefined)
    }
    const isSameAmount = row.remainder ? request.amount === null : request.amount === row.amount
    const differs = [
      ...(row.hold === request.hold ? [] : ['holdId']),
      ...(isSameAmount ? [] : ['amountMinor']),
      ...(row.final === request.final ? [] : ['final']),
      ...(row.effectiveAt === request.effectiveAt ? [] : ['effectiveAt']),
    ]
    return this.#knownRow(row, differs)
  }

  #knownRow(row: Row, differs: readonly string[]): Answer {
    const view = transferView(this.state, row)
    if (differs.length > 0) return { outcome: 'conflict', differs, existing: view }
    return { outcome: 'replayed', transfer: view }
  }

  /** An id that names a thing of another kind; `own`: a hold that it may name. */
  #knownOtherwise(id: IdName, own?: IdName): Answer | null {
    if (this.state.tombstones.has(id)) return rejected('hold_released')
    const row = this.state.rows.get(id)
    const hold = this.state.holds.get(id)
    const existing =
      row !== undefined
        ? transferView(this.state, row)
        : hold !== undefined && hold.id !== own
          ? holdView(hold)
          : null
    return existing === null ? null : { outcome: 'conflict', differs: ['kind'], existing }
  }

  #knownHold(request: HoldRequest): Answer | null {
    const hold = this.state.holds.get(request.id)
    if (hold === undefined) return this.#knownOtherwise(request.id)
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
}

const sameJson = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/** The fields of a known movement that a request has otherwise, in the order of the request. */
function movementDifferences(
  known: Omit<TransferRequest, 'verb' | 'effectiveAt'>,
  request: Omit<TransferRequest, 'verb' | 'effectiveAt'>,
): string[] {
  return [
    ...(known.debit === request.debit ? [] : ['debitAccountId']),
    ...(known.credit === request.credit ? [] : ['creditAccountId']),
    ...(known.amount === request.amount ? [] : ['amountMinor']),
    ...(known.currency === request.currency ? [] : ['currency']),
    ...(known.code === request.code ? [] : ['code']),
    ...(sameJson(known.metadata, request.metadata) ? [] : ['metadata']),
  ]
}
