import type { Kysely, Transaction } from 'kysely'
import { ReversalError } from './errors.ts'
import type { ReversalEvent } from './events.ts'
import type { ReversalOptions, ReversalStatuses } from './options.ts'
import type { FinalOutcome, ResolveOutcome } from './outcome.ts'
import type { Probe } from './probe.ts'

/** Inside the package a row is a record; its type is the caller's affair. */
export type AnyRow = Record<string, unknown>

/** The caller's Kysely, whose table types mean nothing in here. */
export type AnyDatabase = Kysely<any>

/** The options with every default in place, checked and frozen. */
export interface ResolvedReversalOptions {
  readonly db: AnyDatabase
  readonly table: string
  readonly columns: {
    readonly id: string
    readonly status: string
    readonly createdAt: string
    readonly dispatchedAt: string | undefined
  }
  readonly statuses: ReversalStatuses
  readonly dispatchTimeoutMs: number
  readonly processingTimeoutMs: number
  readonly notBefore: Date | undefined
  readonly batchSize: number
  readonly concurrency: number
  readonly maxPerRun: number
  readonly timeBudgetMs: number
  readonly resolveTimeoutMs: number
  readonly resolve: (
    row: AnyRow,
    context: { readonly signal: AbortSignal },
  ) => Promise<ResolveOutcome>
  readonly changes: (row: AnyRow, outcome: FinalOutcome) => AnyRow
  readonly onResolved: (trx: Transaction<any>, row: AnyRow, outcome: FinalOutcome) => Promise<void>
  readonly emit: (event: ReversalEvent) => void
  readonly probe: Probe
}

// A limit on everything: beyond a month nobody waits for a payment any more, and setTimeout ends
// at 24.8 days anyway.
const leashMsMax = 31 * 24 * 60 * 60 * 1000
const timerMsMax = 2 ** 31 - 1

export function resolveOptions<DB, T extends keyof DB & string>(
  options: ReversalOptions<DB, T>,
): ResolvedReversalOptions {
  checkNames(options)
  const columns = { ...options.columns, dispatchedAt: options.columns.dispatchedAt }
  const typed = options as unknown as ReversalOptions<Record<string, AnyRow>, string>
  return Object.freeze({
    db: typed.db,
    table: options.table,
    columns: Object.freeze(columns),
    statuses: Object.freeze({ ...options.statuses }),
    dispatchTimeoutMs: whole(options, 'dispatchTimeoutMs', 60_000, leashMsMax),
    processingTimeoutMs: whole(options, 'processingTimeoutMs', 900_000, leashMsMax),
    notBefore: checkedDate(options.notBefore),
    batchSize: whole(options, 'batchSize', 100, 10_000),
    concurrency: whole(options, 'concurrency', 4, 100),
    maxPerRun: whole(options, 'maxPerRun', 10_000, Number.MAX_SAFE_INTEGER),
    timeBudgetMs: whole(options, 'timeBudgetMs', 40_000, timerMsMax),
    resolveTimeoutMs: whole(options, 'resolveTimeoutMs', 10_000, timerMsMax),
    resolve: typed.resolve,
    changes: typed.changes ?? (() => ({})),
    onResolved: typed.onResolved ?? (async () => {}),
    emit: safeObserver(options.onEvent),
    probe: options.probe ?? (() => {}),
  })
}

type NumberOption =
  | 'dispatchTimeoutMs'
  | 'processingTimeoutMs'
  | 'batchSize'
  | 'concurrency'
  | 'maxPerRun'
  | 'timeBudgetMs'
  | 'resolveTimeoutMs'

function whole(
  options: { readonly [K in NumberOption]?: number | undefined },
  name: NumberOption,
  defaultValue: number,
  max: number,
): number {
  const value = options[name] ?? defaultValue
  if (!Number.isSafeInteger(value) || value < 1 || value > max) {
    throw invalid(`${name} must be a whole number from 1 to ${max}, not ${String(value)}`)
  }
  return value
}

function checkNames<DB, T extends keyof DB & string>(options: ReversalOptions<DB, T>): void {
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
  if (typeof options.resolve !== 'function') throw invalid('resolve must be a function')
}

function checkedDate(value: Date | undefined): Date | undefined {
  if (value === undefined) return undefined
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) {
    throw invalid('notBefore must be a valid Date')
  }
  return new Date(value)
}

function safeObserver(
  onEvent: ((event: ReversalEvent) => void) | undefined,
): (event: ReversalEvent) => void {
  if (onEvent === undefined) return () => {}
  return (event) => {
    try {
      onEvent(event)
    } catch (error) {
      process.emitWarning(`onEvent of @payflow/reversal threw: ${String(error)}`)
    }
  }
}

function invalid(detail: string): ReversalError {
  return new ReversalError('REVERSAL_INVALID_OPTION', `Invalid option of createReversal: ${detail}`)
}
