import type { Model } from '../model/model.ts'
import type { HoldRequest, Request, TransferRequest, WriteRequest } from '../model/requests.ts'
import { AMOUNT_MAX } from '../model/refusal.ts'
import type { Change, Drawn, DrawnMovement, Ref } from './operations.ts'

/** Makes a request of what was drawn, as things stand. `history`: the writes asked for so far. */
export function resolve(drawn: Drawn, model: Model, history: readonly WriteRequest[]): Request {
  const request = asDrawn(drawn, model, history)
  if ('amount' in request && 'debit' in request) return tamed(request, model)
  if ('items' in request) return { ...request, items: request.items.map((i) => tamed(i, model)) }
  if ('legs' in request) return { ...request, legs: request.legs.map((leg) => tamed(leg, model)) }
  return request
}

function asDrawn(drawn: Drawn, model: Model, history: readonly WriteRequest[]): Request {
  switch (drawn.do) {
    case 'transfer':
    case 'hold':
      return movement(drawn, model)
    case 'capture': {
      const { id, hold, amount, final, effectiveAt } = drawn
      return {
        verb: 'capture',
        id: id === null ? null : nameOf(id, model),
        hold: nameOf(hold, model),
        amount,
        final,
        effectiveAt,
      }
    }
    case 'release':
      return { verb: 'release', hold: nameOf(drawn.hold, model) }
    case 'reverse':
      return {
        verb: 'reverse',
        id: nameOf(drawn.id, model),
        original: nameOf(drawn.original, model),
        amount: drawn.amount,
        code: drawn.code,
        metadata: null,
        effectiveAt: drawn.effectiveAt,
      }
    case 'many':
    case 'batched':
      return { verb: drawn.do, items: transfers(drawn.items, model), chunk: drawn.chunk }
    case 'journal': {
      const legs = transfers(drawn.legs, model).map((leg) => ({ ...leg, onReject: FORGET }))
      const { code, effectiveAt } = drawn
      return { verb: 'journal', id: `j${drawn.id}`, legs, code, metadata: null, effectiveAt }
    }
    case 'open':
      return {
        verb: 'open',
        account: `n${drawn.account}`,
        currency: 'USD',
        kind: 'liability',
        floor: drawn.floor,
        ceiling: null,
        shards: drawn.shards,
        metadata: null,
      }
    case 'freeze':
    case 'unfreeze':
      return { verb: drawn.do, account: drawn.account, sides: drawn.sides }
    case 'limits': {
      const { account, floor, ceiling } = drawn
      return { verb: 'limits', account, floor, ceiling }
    }
    case 'close':
      return { verb: 'close', account: drawn.account }
    case 'again': {
      const before = history.at(-1 - (drawn.back % Math.max(history.length, 1)))
      if (before === undefined) return { verb: 'lookup', id: 't0' }
      return drawn.change === null ? before : changed(before, drawn.change)
    }
    case 'lookup':
    case 'resolve':
      return { verb: drawn.do, id: nameOf(drawn.id, model) }
    case 'balance_at':
      return { verb: 'balance_at', account: drawn.account, asOf: drawn.asOf }
    case 'account':
    case 'balance':
      return { verb: drawn.do, account: drawn.account }
    case 'entries': {
      const { do: verb, ...query } = drawn
      return { verb, ...query }
    }
  }
}

/** The accounts whose locks requests need, as things stand. */
export function accountsOf({ state }: Model, requests: readonly WriteRequest[]): Set<string> {
  const found = new Set<string>()
  for (const request of requests) {
    const movements = [
      ...('items' in request ? request.items : []),
      ...('legs' in request ? request.legs : []),
      ...('debit' in request ? [request] : []),
      ...('hold' in request ? [state.holds.get(request.hold)] : []),
      ...('original' in request ? [state.rows.get(request.original)] : []),
    ]
    if ('account' in request) found.add(request.account)
    for (const movement of movements) {
      if (movement !== undefined) found.add(movement.debit).add(movement.credit)
    }
  }
  return found
}

function nameOf({ of, n }: Ref, { state }: Model): string {
  const names = of === 'any' ? [] : [...(of === 'hold' ? state.holds : state.rows).keys()]
  return names.length === 0 ? `t${n}` : (names[n % names.length] as string)
}

const FORGET = 'forget' as const

const transfers = (drawn: readonly DrawnMovement[], model: Model): TransferRequest[] =>
  drawn.map((item) => movement({ ...item, do: 'transfer' }, model) as TransferRequest)

function movement(drawn: DrawnMovement, model: Model): TransferRequest | HoldRequest {
  const { odd, code, metadata, onReject } = drawn
  const currency = model.state.accounts.get(drawn.debit)?.currency ?? 'USD'
  const common = {
    id: nameOf(drawn.id, model),
    debit: drawn.debit,
    credit: odd === 'same_account' ? drawn.debit : otherThan(drawn.debit, drawn.credit),
    amount: odd === 'zero' ? 0n : odd === 'huge' ? AMOUNT_MAX : drawn.amount,
    currency: odd === 'no_currency' ? 'usd' : odd === 'currency' ? 'EUR' : currency,
    code,
    metadata,
    onReject,
  }
  return drawn.do === 'transfer'
    ? { verb: 'transfer', ...common, effectiveAt: drawn.effectiveAt }
    : { verb: 'hold', ...common, expires: drawn.expires }
}

const otherThan = (debit: string, credit: string): string =>
  credit !== debit ? credit : debit === 'bank' ? 'a0' : 'bank'

/**
 * An amount that overflows once anything was moved or is held stays only where everybody's numbers
 * are known: not with a shared account, nor with a hold that is over but may not be cleaned up yet.
 * Asked of the request as it is sent, whether it was drawn, drawn again or changed.
 */
function tamed<R extends TransferRequest | HoldRequest>(request: R, { state }: Model): R {
  const { debit, credit, amount } = request
  if (amount !== AMOUNT_MAX) return request
  const isKnown = (name: string) => {
    const account = state.accounts.get(name)
    return account?.shared === false && account.shards === 0
  }
  const isOver = [...state.holds.values()].some(
    (hold) =>
      hold.state === 'over' && [hold.debit, hold.credit].some((n) => n === debit || n === credit),
  )
  return isKnown(debit) && isKnown(credit) && !isOver ? request : { ...request, amount: 1n }
}

/** The same request with one field changed, if it has that field. */
function changed(request: WriteRequest, change: Change): WriteRequest {
  if (change === 'amount' && 'amount' in request && request.amount !== null) {
    return { ...request, amount: request.amount === AMOUNT_MAX ? 1n : request.amount + 1n }
  }
  if (change === 'credit' && 'credit' in request) {
    return { ...request, credit: otherThan(request.debit, request.credit === 'a1' ? 'a2' : 'a1') }
  }
  if (change === 'code' && 'code' in request) {
    return { ...request, code: request.code === 'other' ? null : 'other' }
  }
  if (change === 'metadata' && 'metadata' in request) {
    return { ...request, metadata: request.metadata === null ? { order: 3 } : null }
  }
  if (change === 'expires' && request.verb === 'hold') {
    return { ...request, expires: request.expires === 'never' ? 'in_an_hour' : 'never' }
  }
  if (change === 'final' && request.verb === 'capture') {
    return { ...request, final: request.final !== true }
  }
  if (change === 'effectiveAt' && 'effectiveAt' in request) {
    return { ...request, effectiveAt: request.effectiveAt === null ? Date.UTC(2021, 5, 1) : null }
  }
  return request
}
