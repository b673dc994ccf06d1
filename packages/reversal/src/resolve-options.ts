import { expressionBuilder } from 'kysely'
import type { Expression, ExpressionBuilder, Kysely, SqlBool, Transaction } from 'kysely'
import { checkDecision, checkedDate, checkNames, choice, fraction, whole } from './check-options.ts'
import type { ReversalEvent } from './events.ts'
import type { MassReversalAction, MassReversalLimits } from './mass-reversal.ts'
import { safeObserver } from './observer.ts'
import type { ReversalOptions, ReversalSettings, ReversalStatuses } from './options.ts'
import type { FinalOutcome, ResolveOutcome } from './outcome.ts'
import type { Probe } from './probe.ts'
import { schemaName } from './schema-name.ts'
import type { Logbook } from './sql/logbook.ts'
import type { ReversalTelemetry } from './telemetry.ts'

/** Inside the package a row is a record; its type is the caller's affair. */
export type AnyRow = Record<string, unknown>

/** The caller's Kysely, whose table types mean nothing in here. */
export type AnyDatabase = Kysely<any>

interface Context {
  readonly signal: AbortSignal
}

/** How a row's end is decided: before the transaction that records it, or inside it. */
export type Decision =
  | {
      readonly where: 'outside'
      readonly resolve: (row: AnyRow, context: Context) => Promise<ResolveOutcome>
    }
  | {
      readonly where: 'inside'
      readonly resolve: (
        trx: Transaction<any>,
        row: AnyRow,
        context: Context,
      ) => Promise<ResolveOutcome>
    }

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
  readonly onMassReversal: MassReversalAction
  readonly massReversal: MassReversalLimits & {
    readonly isReversed: Expression<SqlBool> | undefined
  }
  readonly logbook: Logbook | undefined
  readonly decision: Decision
  readonly preview: ((row: AnyRow) => Promise<ResolveOutcome>) | undefined
  readonly changes: (row: AnyRow, outcome: FinalOutcome) => AnyRow
  readonly onResolved: (trx: Transaction<any>, row: AnyRow, outcome: FinalOutcome) => Promise<void>
  readonly telemetry: ReversalTelemetry | undefined
  readonly emit: (event: ReversalEvent) => void
  readonly probe: Probe
}

// A limit on everything: beyond a month nobody waits for a payment any more, and setTimeout ends
// at 24.8 days anyway.
const leashMsMax = 31 * 24 * 60 * 60 * 1000
const timerMsMax = 2 ** 31 - 1
const anyNumber = Number.MAX_SAFE_INTEGER

export function resolveOptions<DB, T extends keyof DB & string>(
  options: ReversalOptions<DB, T>,
): ResolvedReversalOptions {
  checkNames(options)
  checkDecision(options)
  const columns = { ...options.columns, dispatchedAt: options.columns.dispatchedAt }
  const typed = options as unknown as ReversalOptions<Record<string, AnyRow>, string>
  const leashes = resolveLeashes(options)
  return Object.freeze({
    db: typed.db,
    table: options.table,
    columns: Object.freeze(columns),
    statuses: Object.freeze({ ...options.statuses }),
    ...leashes,
    notBefore: checkedDate(options.notBefore),
    batchSize: whole('batchSize', options.batchSize, 100, 10_000),
    concurrency: whole('concurrency', options.concurrency, 4, 100),
    maxPerRun: whole('maxPerRun', options.maxPerRun, 10_000, anyNumber),
    timeBudgetMs: whole('timeBudgetMs', options.timeBudgetMs, 40_000, timerMsMax),
    resolveTimeoutMs: whole('resolveTimeoutMs', options.resolveTimeoutMs, 10_000, timerMsMax),
    onMassReversal: choice('onMassReversal', options.onMassReversal, ['proceed', 'pause']),
    massReversal: resolveMassReversal(typed.massReversal, leashes),
    logbook: resolveLogbook(typed),
    decision: decisionOf(typed),
    preview: typed.preview,
    changes: typed.changes ?? (() => ({})),
    onResolved: typed.onResolved ?? (async () => {}),
    telemetry: options.telemetry,
    emit: safeObserver(options.onEvent, options.telemetry),
    probe: options.probe ?? (() => {}),
  })
}

type Leashes = Pick<ResolvedReversalOptions, 'dispatchTimeoutMs' | 'processingTimeoutMs'>

function resolveLeashes<DB, T extends keyof DB & string>(
  options: ReversalSettings<DB, T>,
): Leashes {
  const { dispatchTimeoutMs, processingTimeoutMs } = options
  return {
    dispatchTimeoutMs: whole('dispatchTimeoutMs', dispatchTimeoutMs, 60_000, leashMsMax),
    processingTimeoutMs: whole('processingTimeoutMs', processingTimeoutMs, 900_000, leashMsMax),
  }
}

function resolveMassReversal(
  given: ReversalSettings<Record<string, AnyRow>, string>['massReversal'] = {},
  { dispatchTimeoutMs, processingTimeoutMs }: Leashes,
): ResolvedReversalOptions['massReversal'] {
  const longer = Math.max(dispatchTimeoutMs, processingTimeoutMs)
  const windowMsDefault = Math.min(longer + 600_000, leashMsMax)
  const { isReversed } = given
  const builder = expressionBuilder<any, any>() as ExpressionBuilder<Record<string, AnyRow>, string>
  return Object.freeze({
    windowMs: whole('massReversal.windowMs', given.windowMs, windowMsDefault, leashMsMax),
    shareMax: fraction('massReversal.shareMax', given.shareMax, 0.2),
    rowsMin: whole('massReversal.rowsMin', given.rowsMin, 10, anyNumber),
    noneCompletedMin: whole('massReversal.noneCompletedMin', given.noneCompletedMin, 5, 10_000),
    isReversed: isReversed === undefined ? undefined : isReversed(builder),
  })
}

function resolveLogbook(
  options: ReversalOptions<Record<string, AnyRow>, string>,
): Logbook | undefined {
  const { table, logbook } = options
  if (logbook === undefined) return undefined
  return { schema: schemaName(logbook.schema), job: logbook.job ?? table }
}

function decisionOf(options: ReversalOptions<Record<string, AnyRow>, string>): Decision {
  return options.resolveInTransaction === undefined
    ? { where: 'outside', resolve: options.resolve }
    : { where: 'inside', resolve: options.resolveInTransaction }
}
