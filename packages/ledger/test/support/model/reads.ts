import type { EntriesRequest, IdName, ReadRequest } from './requests.ts'
import { isDebitNormal, type Row, reversedOf, type State } from './state.ts'
import {
  accountView,
  balanceView,
  entryViews,
  holdView,
  journalView,
  rejectionView,
  transferView,
  type View,
} from './views.ts'

/** What a read must show. */
export function read(state: State, request: ReadRequest): unknown {
  if (request.verb === 'lookup') return lookup(state, request.id)
  if (request.verb === 'resolve') return resolution(state, request.id)
  const account = state.accounts.get(request.account)
  if (request.verb === 'entries') return entries(state, request)
  if (account === undefined) return null
  if (request.verb === 'balance') return balanceView(state, account)
  if (request.verb === 'account') return accountView(account)
  const { asOf } = request
  let balanceMinor = 0n
  for (const row of state.rows.values()) {
    // A row without a time of its own counts from its recording, which is later than any asked for.
    if (row.effectiveAt === null || row.effectiveAt > asOf) continue
    const sign = isDebitNormal(account) ? 1n : -1n
    if (row.debit === account.name) balanceMinor += sign * row.amount
    if (row.credit === account.name) balanceMinor -= sign * row.amount
  }
  return account.shared ? {} : { accountId: account.name, axis: 'effective', asOf, balanceMinor }
}

function entries(state: State, request: EntriesRequest): unknown {
  const { after, limit, newestFirst } = request
  const account = state.accounts.get(request.account)
  const all = account === undefined || account.shared ? [] : entryViews(state, account.name)
  const ordered = newestFirst ? all.toReversed() : all
  const rest = ordered.filter(({ seq }) =>
    after === null ? true : newestFirst ? (seq as bigint) < after : (seq as bigint) > after,
  )
  const page = rest.slice(0, limit)
  return { entries: page, next: rest.length > limit ? (page.at(-1)?.['seq'] ?? null) : null }
}

const capturesOf = ({ rows }: State, id: IdName): Row[] =>
  [...rows.values()].filter((row) => row.hold === id)

function lookup(state: State, id: IdName): View | null {
  const { rows, holds, journals, rejections, tombstones } = state
  if (tombstones.has(id)) return { kind: 'tombstone', id }
  const held = holds.get(id)
  if (held !== undefined) {
    const captures = capturesOf(state, id)
    return {
      kind: 'hold',
      hold: holdView(held),
      captures: captures.map((row) => transferView(state, row)),
      reversedMinor: captures.reduce((sum, row) => sum + reversedOf(state, row.id), 0n),
    }
  }
  const row = rows.get(id)
  if (row !== undefined) {
    const reversedMinor = reversedOf(state, id)
    return { kind: 'transfer', transfer: transferView(state, row), reversedMinor }
  }
  const refused = rejections.get(id)
  if (refused !== undefined) return { kind: 'rejection', rejection: rejectionView(refused) }
  const journal = journals.get(id)
  return journal === undefined ? null : { kind: 'journal', journal: journalView(state, journal) }
}

function resolution(state: State, id: IdName): View {
  const { rows, holds, journals, rejections, tombstones } = state
  if (tombstones.has(id)) return { state: 'released', hold: null, captures: [] }
  const held = holds.get(id)
  if (held !== undefined) {
    return {
      state: held.state === 'open' ? 'held' : held.state,
      hold: holdView(held),
      captures: capturesOf(state, id).map((row) => transferView(state, row)),
    }
  }
  const row = rows.get(id)
  if (row !== undefined) return { state: 'posted', transfer: transferView(state, row) }
  const refused = rejections.get(id)
  if (refused !== undefined) return { state: 'rejected', rejection: rejectionView(refused) }
  const journal = journals.get(id)
  return journal === undefined
    ? { state: 'not_found' }
    : { state: 'journal_posted', journal: journalView(state, journal) }
}
