/**
 * Ends what is stuck in PENDING: finds stale rows of your own table, asks how each ends, records it
 * once.
 *
 * @packageDocumentation
 */
export { createReversal } from './create-reversal.ts'
export type { Reversal } from './create-reversal.ts'
export { ReversalError } from './errors.ts'
export type { ReversalErrorCode } from './errors.ts'
export type { ReversalEvent } from './events.ts'
export type { HealthOptions, ReversalHealth, ReversalProblem } from './health.ts'
export type {
  MassReversal,
  MassReversalAction,
  MassReversalCause,
  MassReversalOptions,
  MassReversalSigns,
} from './mass-reversal.ts'
export type { ReversalLogbook, ReversalMetrics } from './metrics.ts'
export { createReversalMigrations, migrateReversal } from './migrations/index.ts'
export type { ReversalMigrationOptions } from './migrations/index.ts'
export type {
  LogbookOptions,
  ResolveInside,
  ResolveOutside,
  ReversalColumns,
  ReversalOptions,
  ReversalSettings,
  ReversalStatuses,
  StaleRow,
  StaleRowChanges,
} from './options.ts'
export type { FinalOutcome, ResolveOutcome, RowOutcome, StaleReason } from './outcome.ts'
export type { Probe, ProbePoint } from './probe.ts'
export type { ReportedRow, ReportOptions, ReversalReport } from './report.ts'
export type { RunOptions } from './run.ts'
export type { RunEnd, RunProgress, RunResult } from './run-result.ts'
export type { StaleCount } from './sql/count-pending.ts'
export type { ReversalTelemetry } from './telemetry.ts'
export type { WatchOptions } from './watch.ts'
