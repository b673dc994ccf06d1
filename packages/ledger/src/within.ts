import { LedgerError } from './errors.ts'

/** The value, or an error that names the range it must be in. */
export function within(name: string, value: number, max: number, min = 1): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  const message = `${name} must be a whole number from ${min} to ${max}: ${String(value)}`
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}
