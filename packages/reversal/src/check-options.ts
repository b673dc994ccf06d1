import { ReversalError } from './errors.ts'
import type { ReversalOptions } from './options.ts'

export function invalid(detail: string): ReversalError {
  return new ReversalError('REVERSAL_INVALID_OPTION', `Invalid option of createReversal: ${detail}`)
}

/** A whole number from 1 to `max`. */
export function whole(
  name: string,
  value: number | undefined,
  defaultValue: number,
  max: number,
): number {
  const given = value ?? defaultValue
  if (!Number.isSafeInteger(given) || given < 1 || given > max) {
    throw invalid(`${name} must be a whole number from 1 to ${max}, not ${String(given)}`)
  }
  return given
}

/** A number from 0 to 1. */
export function fraction(name: string, value: number | undefined, defaultValue: number): number {
  const given = value ?? defaultValue
  if (typeof given !== 'number' || !(given >= 0 && given <= 1)) {
    throw invalid(`${name} must be from 0 to 1, not ${String(given)}`)
  }
  return given
}

/** One of a few words; the first is the default. */
export function choice<C extends string>(
  name: string,
  value: C | undefined,
  choices: readonly [C, ...C[]],
): C {
  const given = value ?? choices[0]
  if (!choices.includes(given)) {
    throw invalid(`${name} must be ${choices.join(' or ')}, not ${JSON.stringify(given)}`)
  }
  return given
}

export function checkNames<DB, T extends keyof DB & string>(options: ReversalOptions<DB, T>): void {
  const { id, status, createdAt, dispatchedAt } = options.columns
  const { pending, reversed, completed } = options.statuses
  const names = { table: options.table, id, status, createdAt, pending, reversed, completed }
  for (const [name, value] of Object.entries(names)) {
    if (typeof value !== 'string' || value === '') {
      throw invalid(`${name} must be a name, not ${JSON.stringify(value)}`)
    }
  }
  if (dispatchedAt === '') throw invalid('columns.dispatchedAt must be a name or left out')
  if (reversed === pending || completed === pending) {
    // The compare-and-set would find the row it has just settled, again and again.
    throw invalid(`a settled row must not be ${pending} any more`)
  }
  if (reversed === completed) {
    // Nobody could tell what became of a payment, nor whether anything is completed at all.
    throw invalid(`reversed and completed must differ, not both be ${reversed}`)
  }
}

export function checkDecision<DB, T extends keyof DB & string>(
  options: ReversalOptions<DB, T>,
): void {
  const { resolve, resolveInTransaction } = options
  if ((typeof resolve === 'function') === (typeof resolveInTransaction === 'function')) {
    throw invalid('either resolve or resolveInTransaction must be a function')
  }
}

export function checkedDate(value: Date | undefined): Date | undefined {
  if (value === undefined) return undefined
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) {
    throw invalid('notBefore must be a valid Date')
  }
  return new Date(value)
}
