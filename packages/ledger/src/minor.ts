import { LedgerError } from './errors.ts'
import { CURRENCIES } from './migrations/0001-currencies.ts'
import { shown } from './shown.ts'
import { AMOUNT_MAX, EXPONENT_MAX } from './validate.ts'

declare const currencyOf: unique symbol

/**
 * An amount in minor units (cents, yen, fils) that knows its currency at compile time: a
 * `Minor<'EUR'>` does not pass where dollars are asked for. At run time it is a plain bigint. Sums
 * and differences are plain bigints again; name their currency with {@link minor}.
 */
export type Minor<C extends string = string> = bigint & { readonly [currencyOf]: C }

/** What a request takes: a plain bigint, or a {@link Minor} of the request's own currency. */
export type AmountMinor<C extends string = string> = string extends C
  ? bigint
  : bigint & { readonly [currencyOf]?: C }

const EXPONENTS: ReadonlyMap<string, number> = new Map(CURRENCIES)
const DECIMAL = /^(-?)(\d{1,40})(?:\.(\d{1,18}))?$/

/**
 * Says of which currency an amount is. Any bigint between −(2^63−1) and 2^63−1: a balance may be
 * negative, a transfer of it is refused.
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` for anything else, a `number` above
 * all.
 */
export function minor<const C extends string>(currency: C, amountMinor: bigint): Minor<C> {
  if (typeof amountMinor !== 'bigint' || !inRange(amountMinor)) {
    const message = `An amount of ${shown(currency)} is a bigint up to 2^63-1: ${shown(amountMinor)}`
    throw new LedgerError('LEDGER_INVALID_OPTION', message)
  }
  return amountMinor as Minor<C>
}

/**
 * Reads a decimal text exactly: `parseDecimal('10.50', 'USD')` is `1050n`. No float is involved.
 *
 * Takes digits, an optional leading `-`, and a point followed by at most as many digits as the
 * currency has: `'10'`, `'10.5'`, `'-0.05'`. Null for everything else, such as `'10.505'`, `'1e3'`,
 * `'1,000'`, `' 1'`, `'.5'` or more than 2^63−1 minor units: it rounds nothing and guesses nothing.
 *
 * @param exponent - digits of a currency that is not in ISO 4217, 0 … 18
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` when the currency's digits are
 * neither known nor given.
 */
export function parseDecimal<const C extends string>(
  text: string,
  currency: C,
  exponent?: number,
): Minor<C> | null {
  const digits = digitsOf(currency, exponent)
  if (typeof text !== 'string') return null // a RegExp would write it out as text
  const [, sign, whole, fraction = ''] = DECIMAL.exec(text) ?? []
  if (whole === undefined || fraction.length > digits) return null
  const amountMinor = BigInt(`${sign}${whole}${fraction.padEnd(digits, '0')}`)
  return inRange(amountMinor) ? (amountMinor as Minor<C>) : null
}

/**
 * Writes an amount exactly, with all digits of its currency: `formatDecimal(1050n, 'USD')` is
 * `'10.50'`, of `'JPY'` `'1050'`. For machines and forms: no thousands, no symbol; for people give
 * the text to `Intl.NumberFormat`.
 *
 * @param exponent - digits of a currency that is not in ISO 4217, 0 … 18
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION` when the currency's digits are
 * neither known nor given, or the amount is no bigint.
 */
export function formatDecimal<const C extends string>(
  amountMinor: AmountMinor<NoInfer<C>>,
  currency: C,
  exponent?: number,
): string {
  const digits = digitsOf(currency, exponent)
  const amount: bigint = minor(currency, amountMinor)
  const text = (amount < 0n ? -amount : amount).toString().padStart(digits + 1, '0')
  const whole = text.slice(0, text.length - digits)
  const fraction = digits === 0 ? '' : `.${text.slice(-digits)}`
  return `${amount < 0n ? '-' : ''}${whole}${fraction}`
}

const inRange = (amount: bigint): boolean => amount <= AMOUNT_MAX && amount >= -AMOUNT_MAX

function digitsOf(currency: string, exponent = EXPONENTS.get(currency)): number {
  if (exponent !== undefined && Number.isInteger(exponent)) {
    if (exponent >= 0 && exponent <= EXPONENT_MAX) return exponent
  }
  const message = `${shown(currency)} has no known number of digits: give it as exponent, 0 to 18`
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}
