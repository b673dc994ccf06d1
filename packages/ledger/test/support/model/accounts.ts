import { isSameJson } from './known.ts'
import type { Answer } from './refusal.ts'
import type { OpenRequest } from './requests.ts'
import type { ModelAccount, State } from './state.ts'
import { accountView } from './views.ts'

/** Creates an account, or says what the id names. */
export function openAccount(state: State, request: OpenRequest): Answer {
  const { account: name, currency, kind, floor, ceiling, metadata } = request
  const account = state.accounts.get(name)
  if (account === undefined) {
    const parts = [{ debits: 0n, credits: 0n, seq: 0n }]
    const opened: ModelAccount = {
      name,
      currency,
      kind,
      floor,
      ceiling,
      metadata,
      shared: false,
      parts,
    }
    state.accounts.set(name, opened)
    return { outcome: 'created', account: accountView(opened) }
  }
  const differs = [
    ...(account.currency === currency ? [] : ['currency']),
    ...(account.kind === kind ? [] : ['kind']),
    ...(account.floor === floor ? [] : ['floorMinor']),
    ...(account.ceiling === ceiling ? [] : ['ceilingMinor']),
    ...(isSameJson(account.metadata, metadata) ? [] : ['metadata']),
  ]
  const view = accountView(account)
  if (differs.length > 0) return { outcome: 'conflict', differs, existing: view }
  return { outcome: 'replayed', account: view }
}
