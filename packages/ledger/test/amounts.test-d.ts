/*
 * Amounts by type: compiled, never run. Where an error is expected the line must not compile; every
 * other must.
 */
import { type Executor, type Ledger, minor, type Minor, parseDecimal } from '../src/index.ts'
import type { TransferInput } from '../src/index.ts'

declare const db: Executor
declare const ledger: Ledger
declare const currency: string
declare const requests: TransferInput[]
declare const anyRequest: TransferInput
declare const dollarsOrEuros: 'USD' | 'EUR'
const ids = { id: '', debitAccountId: '', creditAccountId: '' }
const usd = minor('USD', 100n)
const eur = minor('EUR', 100n)

export const compiled = [
  ledger.transfer(db, { ...ids, amountMinor: 100n, currency: 'USD' }),
  ledger.transfer(db, { ...ids, amountMinor: usd, currency: 'USD' }),
  ledger.transfer(db, { ...ids, amountMinor: usd + usd, currency: 'USD' }),
  ledger.transfer(db, { ...ids, amountMinor: usd, currency }),
  ledger.transfer(db, { ...ids, amountMinor: eur, currency: dollarsOrEuros }),
  ledger.transfer(db, { ...anyRequest, currency: 'USD' }),
  ledger.capture(db, { holdId: '', amountMinor: usd }),
  ledger.transferMany(db, requests),
  ledger.journal(db, {
    id: '',
    transfers: [
      { ...ids, amountMinor: usd, currency: 'USD' },
      { ...ids, amountMinor: eur, currency: 'EUR' },
      { ...ids, amountMinor: 100n, currency },
    ],
  }),

  // @ts-expect-error -- euros are no dollars
  ledger.transfer(db, { ...ids, amountMinor: eur, currency: 'USD' }),
  // @ts-expect-error -- nor in a leg of a journal
  ledger.journal(db, { id: '', transfers: [{ ...ids, amountMinor: eur, currency: 'USD' }] }),
  ledger.transferMany(db, [
    { ...ids, amountMinor: usd, currency: 'USD' },
    // @ts-expect-error -- nor in one of many
    { ...ids, amountMinor: eur, currency: 'USD' },
  ]),
  // @ts-expect-error -- nor through a batcher
  ledger.batcher(db).transfer({ ...ids, amountMinor: eur, currency: 'USD' }),
  // @ts-expect-error -- nor in a hold
  ledger.hold(db, { ...ids, amountMinor: eur, currency: 'USD' }),
  // @ts-expect-error -- nor as the limit of an account
  ledger.accounts.create(db, { id: '', kind: 'asset', currency: 'USD', floorMinor: eur }),
  // @ts-expect-error -- an amount of some currency is not one of this currency
  ledger.transfer(db, { ...ids, amountMinor: usd as Minor, currency: 'USD' }),
  // @ts-expect-error -- a number has lost digits before anybody could look
  ledger.transfer(db, { ...ids, amountMinor: 100, currency: 'USD' }),
  // @ts-expect-error -- a number is no amount of a hold either
  ledger.hold(db, { ...ids, amountMinor: 100, currency: 'USD' }),
  // @ts-expect-error -- nor of a capture
  ledger.capture(db, { holdId: '', amountMinor: 100 }),
  // @ts-expect-error -- a text must be parsed first
  ledger.transfer(db, { ...ids, amountMinor: '1.00', currency: 'USD' }),
  // @ts-expect-error -- what may be no amount must be looked at
  ledger.transfer(db, { ...ids, amountMinor: parseDecimal('1.00', 'USD'), currency: 'USD' }),
  // @ts-expect-error -- a number has no currency
  minor('USD', 100),
]

// @ts-expect-error -- a request that says dollars takes no euros
export const request: TransferInput<'USD'> = { ...ids, amountMinor: eur, currency: 'USD' }
// @ts-expect-error -- a plain bigint says no currency
export const plain: Minor<'USD'> = 100n
// @ts-expect-error -- one currency is not another
export const other: Minor<'USD'> = eur
export const sum: bigint = usd + eur

export function pay<C extends 'USD' | 'EUR'>(amountMinor: Minor<C>, code: C): unknown {
  return ledger.transfer<C>(db, { ...ids, amountMinor, currency: code })
}
