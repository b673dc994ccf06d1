import type { Executor } from './executor.ts'
import type { Busy, Conflict, Rejected, Unknown } from './outcomes.ts'
import { call } from './sql/call.ts'
import { read, write } from './statement.ts'
import { refuseCurrency } from './validate.ts'

/** A currency of the ledger. It never changes and is never taken away. */
export interface Currency {
  /** ISO 4217 code, or one of your own: an upper-case letter, then 2 … 11 of `A–Z 0–9`. */
  readonly code: string
  /** Decimal digits of its minor unit, 0 … 18: 2 for USD, 0 for JPY. */
  readonly exponent: number
}

/** Answer of {@link LedgerCurrencies.define}. */
export type CurrencyResult =
  | { readonly outcome: 'created' | 'replayed'; readonly currency: Currency }
  | Conflict<Currency>
  | Rejected<'currency_invalid'>
  | Busy
  | Unknown

/** Currencies of a ledger. Those of ISO 4217 are there from the beginning. */
export interface LedgerCurrencies {
  /**
   * Adds a currency of your own, points of a loyalty programme say. Again with the same digits
   * replays; with others, or for an ISO currency with other digits, conflicts.
   */
  define(db: Executor, currency: Currency): Promise<CurrencyResult>
  /** All currencies, by code. */
  list(db: Executor): Promise<readonly Currency[]>
}

/** The verbs of {@link LedgerCurrencies} on a schema. */
export function currenciesOf(s: string): LedgerCurrencies {
  const calls = {
    define: call(s, 'define_currency', 'text', 'integer'),
    list: call(s, 'list_currencies'),
  }
  return {
    async define(db, { code, exponent }) {
      const refusal = refuseCurrency({ code, exponent })
      if (refusal !== null) return refusal
      return write(db, code, calls.define, [code, exponent], (json) => json as CurrencyResult)
    },
    list: (db) => read(db, calls.list, [], (json) => json as readonly Currency[]),
  }
}
