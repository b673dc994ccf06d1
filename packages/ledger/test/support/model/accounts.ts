import { isSameJson } from './known.ts'
import { type Answer, rejected } from './refusal.ts'
import type { ChangeRequest, OpenRequest } from './requests.ts'
import {
  availableOf,
  balanceOf,
  isDebitNormal,
  type ModelAccount,
  pendingOf,
  type State,
} from './state.ts'
import { accountView } from './views.ts'

/** What is needed to make an account. */
export type NewAccount = Pick<
  ModelAccount,
  'name' | 'currency' | 'kind' | 'metadata' | 'shared' | 'floor' | 'ceiling' | 'shards'
>

export function newAccount(account: NewAccount): ModelAccount {
  const parts = Array.from({ length: Math.max(account.shards, 1) }, () => ({
    debits: 0n,
    credits: 0n,
    seq: 0n,
  }))
  return {
    ...account,
    firstLimits: [account.floor, account.ceiling],
    debitsFrozen: false,
    creditsFrozen: false,
    closed: false,
    parts,
  }
}

/** Creates an account, or says what the id names. */
export function openAccount(state: State, request: OpenRequest): Answer {
  const { verb: _, account: name, shards, ...rest } = request
  const account = state.accounts.get(name)
  if (account === undefined) {
    const opened = newAccount({ ...rest, name, shared: false, shards: shards ?? 0 })
    state.accounts.set(name, opened)
    return { outcome: 'created', account: accountView(opened) }
  }
  const [floor, ceiling] = account.firstLimits
  const differs = [
    ...(account.currency === request.currency ? [] : ['currency']),
    ...(account.kind === request.kind ? [] : ['kind']),
    ...(floor === request.floor ? [] : ['floorMinor']),
    ...(ceiling === request.ceiling ? [] : ['ceilingMinor']),
    ...(isSameJson(account.metadata, request.metadata) ? [] : ['metadata']),
    ...(account.shards === (shards ?? 0) ? [] : ['hot']),
  ]
  const view = accountView(account)
  if (differs.length > 0) return { outcome: 'conflict', differs, existing: view }
  return { outcome: 'replayed', account: view }
}

/** Freezes, unfreezes, limits or closes an account. */
export function changeAccount(state: State, request: ChangeRequest): Answer {
  const account = state.accounts.get(request.account)
  const accountId = request.account
  if (account === undefined) return rejected('account_not_found', { accountId })
  if (request.verb === 'close') return close(state, account)
  if (account.closed) return rejected('account_closed', { accountId })
  const before = { ...account }
  if (request.verb === 'limits') {
    const no = limit(state, account, request)
    if (no !== null) return no
  } else {
    const { verb, sides } = request
    if (sides !== 'credits') account.debitsFrozen = verb === 'freeze'
    if (sides !== 'debits') account.creditsFrozen = verb === 'freeze'
  }
  const isSame =
    before.floor === account.floor &&
    before.ceiling === account.ceiling &&
    before.debitsFrozen === account.debitsFrozen &&
    before.creditsFrozen === account.creditsFrozen
  return { outcome: isSame ? 'replayed' : 'created', account: accountView(account) }
}

function limit(
  state: State,
  account: ModelAccount,
  request: ChangeRequest & { verb: 'limits' },
): Answer | null {
  const floor = request.floor === undefined ? account.floor : request.floor
  const ceiling = request.ceiling === undefined ? account.ceiling : request.ceiling
  const accountId = account.name
  if (floor === account.floor && ceiling === account.ceiling) return null
  if (floor !== null && ceiling !== null && floor > ceiling) {
    const field = request.floor === undefined ? 'ceilingMinor' : 'floorMinor'
    return rejected('limits_invalid', { field })
  }
  const availableMinor = availableOf(state, account)
  if (request.floor !== undefined && floor !== null && availableMinor < floor) {
    return rejected('insufficient_funds', { accountId, availableMinor, floorMinor: floor })
  }
  const coming = pendingOf(state, isDebitNormal(account) ? 'debit' : 'credit', accountId)
  if (request.ceiling !== undefined && ceiling !== null && balanceOf(account) + coming > ceiling) {
    return rejected('limit_exceeded', { accountId, ceilingMinor: ceiling })
  }
  account.floor = floor
  account.ceiling = ceiling
  return null
}

function close(state: State, account: ModelAccount): Answer {
  const accountId = account.name
  if (account.closed) return { outcome: 'replayed', account: accountView(account) }
  const pending = pendingOf(state, 'debit', accountId) + pendingOf(state, 'credit', accountId)
  if (pending > 0n) return rejected('holds_open', { accountId })
  const balanceMinor = balanceOf(account)
  if (balanceMinor !== 0n) return rejected('balance_not_zero', { accountId, balanceMinor })
  account.closed = true
  account.debitsFrozen = true
  account.creditsFrozen = true
  return { outcome: 'created', account: accountView(account) }
}
