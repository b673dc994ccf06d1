import { LedgerError } from './errors.ts'
import { shown } from './shown.ts'

/** The value, or an error that names the range it must be in. */
export function within(name: string, value: number, max: number, min = 1): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  const message = `${name} must be a whole number from ${min} to ${max}: ${shown(value)}`
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}

/** The value, or an error that names what it may be: callers in JavaScript have no types. */
export function oneOf<T>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value
  const message = `${name} must be one of ${choices.map(String).join(', ')}: ${shown(value)}`
  throw new LedgerError('LEDGER_INVALID_OPTION', message)
}
