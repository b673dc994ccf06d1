import type { RejectionReason } from '../../../src/index.ts'
import type { Movement } from './requests.ts'
import {
  availableOf,
  balanceOf,
  creditsOf,
  debitsOf,
  isDebitNormal,
  type ModelAccount,
  pendingOf,
  type State,
} from './state.ts'
import type { View } from './views.ts'

/** The answer to a request, as far as it can be known: what the ledger says must contain it. */
export interface Answer {
  readonly outcome: string
  readonly [field: string]: unknown
}

export const rejected = (reason: RejectionReason | 'hold_over', detail?: View): Answer => ({
  outcome: 'rejected',
  reason,
  ...(detail === undefined ? {} : { detail }),
})

export const AMOUNT_MAX = 9_223_372_036_854_775_807n

/** The first thing wrong with the shape of a movement, or null. */
export function shapeRefusal(request: Movement): Answer | null {
  if (request.debit === request.credit)
    return rejected('same_account', { field: 'creditAccountId' })
  if (request.amount <= 0n || request.amount > AMOUNT_MAX) {
    return rejected('amount_invalid', { field: 'amountMinor' })
  }
  if (!/^[A-Z][A-Z0-9]{2,11}$/.test(request.currency)) {
    return rejected('currency_invalid', { field: 'currency' })
  }
  return null
}

type Sides = readonly [debit: ModelAccount, credit: ModelAccount]

/** Both accounts of a movement, or why money may not move on them whatever the amount. */
export function sidesOf(state: State, m: Pick<Movement, 'debit' | 'credit'>): Sides | Answer {
  for (const side of ['debit', 'credit'] as const) {
    if (!state.accounts.has(m[side])) {
      return rejected('account_not_found', { field: `${side}AccountId`, accountId: m[side] })
    }
  }
  const sides = [m.debit, m.credit].map((name) => state.accounts.get(name)) as unknown as Sides
  const [debit, credit] = sides
  for (const { name, closed } of sides) {
    if (closed) return rejected('account_closed', { accountId: name })
  }
  if (debit.debitsFrozen) return rejected('account_frozen', { accountId: debit.name })
  if (credit.creditsFrozen) return rejected('account_frozen', { accountId: credit.name })
  return sides
}

export const isAnswer = (value: Sides | Answer): value is Answer => !Array.isArray(value)

/** Why a time is too late to count at, or null. */
export function sealRefusal(state: State, effectiveAt: number | null): Answer | null {
  return effectiveAt !== null && state.sealedUntil !== null && effectiveAt < state.sealedUntil
    ? rejected('period_sealed', { sealedUntil: state.sealedUntil })
    : null
}

/** Why money may not go from one account to the other, or null. */
export function refusal(state: State, m: Movement, effectiveAt: number | null): Answer | null {
  const sides = sidesOf(state, m)
  if (isAnswer(sides)) return sides
  for (const { name, currency } of sides) {
    if (currency !== m.currency) return rejected('currency_mismatch', { accountId: name, currency })
  }
  return (
    sealRefusal(state, effectiveAt) ??
    overflow(state, sides, m.amount) ??
    insufficient(state, sides, m.amount) ??
    beyondCeiling(state, sides, m.amount)
  )
}

function overflow(state: State, [debit, credit]: Sides, amount: bigint): Answer | null {
  if (amount > AMOUNT_MAX - debitsOf(debit) - pendingOf(state, 'debit', debit.name)) {
    return rejected('overflow', { accountId: debit.name })
  }
  return amount > AMOUNT_MAX - creditsOf(credit) - pendingOf(state, 'credit', credit.name)
    ? rejected('overflow', { accountId: credit.name })
    : null
}

function insufficient(state: State, [debit, credit]: Sides, amount: bigint): Answer | null {
  const shrinking = [
    ...(isDebitNormal(debit) ? [] : [debit]),
    ...(isDebitNormal(credit) ? [credit] : []),
  ]
  for (const account of shrinking) {
    const availableMinor = availableOf(state, account)
    const { name, floor } = account
    if (floor !== null && availableMinor - amount < floor) {
      const detail = { accountId: name, availableMinor, floorMinor: floor }
      return rejected('insufficient_funds', detail)
    }
  }
  return null
}

function beyondCeiling(state: State, [debit, credit]: Sides, amount: bigint): Answer | null {
  const growing = [
    ...(isDebitNormal(debit) ? [debit] : []),
    ...(isDebitNormal(credit) ? [] : [credit]),
  ]
  for (const account of growing) {
    const { name, ceiling } = account
    const coming = pendingOf(state, isDebitNormal(account) ? 'debit' : 'credit', name)
    if (ceiling !== null && balanceOf(account) + coming + amount > ceiling) {
      return rejected('limit_exceeded', { accountId: name, ceilingMinor: ceiling })
    }
  }
  return null
}
