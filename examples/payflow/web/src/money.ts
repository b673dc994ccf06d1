/**
 * The one place where money becomes text and text becomes money.
 *
 * Amounts are integer minor units (cents) everywhere. No step divides or multiplies them as
 * fractions: digits are moved as strings, so `0.1 + 0.2` can't happen here.
 */

/** The largest amount of one payment, in minor units; the server refuses more. */
export const amountMinorMax = 100_000_000_000

/** What {@link parseAmount} makes of a person's typing. */
export type ParsedAmount =
  | { readonly ok: true; readonly amountMinor: number }
  | { readonly ok: false; readonly message: string }

/** An amount in pieces, for a display that sets the cents smaller. */
export interface MoneyParts {
  readonly sign: string
  readonly symbol: string
  readonly whole: string
  readonly fraction: string
}

const formats = new Map<string, Intl.NumberFormat>()

function formatFor(currency: string): Intl.NumberFormat {
  let format = formats.get(currency)
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', { style: 'currency', currency })
    formats.set(currency, format)
  }
  return format
}

function fractionDigits(currency: string): number {
  return formatFor(currency).resolvedOptions().maximumFractionDigits ?? 2
}

/** `1205` → `"12.05"`, exactly; the form that {@link parseAmount} reads back. */
export function minorToDecimal(minor: number, currency: string): `${number}` {
  if (!Number.isSafeInteger(minor)) {
    throw new RangeError(`amount must be a safe integer of minor units, got ${minor}`)
  }
  const digits = fractionDigits(currency)
  const sign = minor < 0 ? '-' : ''
  const padded = String(Math.abs(minor)).padStart(digits + 1, '0')
  const cut = padded.length - digits
  const decimal = digits === 0 ? padded : `${padded.slice(0, cut)}.${padded.slice(cut)}`
  return `${sign}${decimal}` as `${number}`
}

/** `5000` → `"$50.00"`. Intl gets a decimal string, which it formats without rounding. */
export function formatMinor(minor: number, currency: string): string {
  return formatFor(currency).format(minorToDecimal(minor, currency))
}

/** `123456` → `{ sign: '', symbol: '$', whole: '1,234', fraction: '.56' }`. */
export function moneyParts(minor: number, currency: string): MoneyParts {
  const parts = { sign: '', symbol: '', whole: '', fraction: '' }
  for (const { type, value } of formatFor(currency).formatToParts(
    minorToDecimal(minor, currency),
  )) {
    if (type === 'minusSign') parts.sign += value
    else if (type === 'currency') parts.symbol += value
    else if (type === 'integer' || type === 'group') parts.whole += value
    else if (type === 'decimal' || type === 'fraction') parts.fraction += value
  }
  return parts
}

// Commas are accepted only where English groups thousands: "12,34" could be a European 12.34 and
// is refused rather than read as 1234.
const plain = /^(\d*)(?:\.(\d*))?$/
const grouped = /^(\d{1,3}(?:,\d{3})+)(?:\.(\d*))?$/

/** Reads `"12.34"`, `"$1,250"` or `".5"` as minor units, digit by digit. */
export function parseAmount(text: string, currency: string): ParsedAmount {
  const digits = fractionDigits(currency)
  const cleaned = text.trim().replace(/^\$\s*/, '')
  const match = plain.exec(cleaned) ?? grouped.exec(cleaned)
  const whole = match?.[1]?.replaceAll(',', '') ?? ''
  const fraction = match?.[2] ?? ''
  if (cleaned === '') return { ok: false, message: 'Enter an amount.' }
  if (match === null || whole + fraction === '') {
    return { ok: false, message: 'Write the amount like 12.34.' }
  }
  if (fraction.length > digits) {
    return { ok: false, message: `Use at most ${digits} digits after the point.` }
  }
  const minor = BigInt(whole + fraction.padEnd(digits, '0'))
  if (minor === 0n) return { ok: false, message: 'The amount must be more than zero.' }
  if (minor > BigInt(amountMinorMax)) {
    const most = formatMinor(amountMinorMax, currency)
    return { ok: false, message: `One payment can be at most ${most}.` }
  }
  return { ok: true, amountMinor: Number(minor) }
}
