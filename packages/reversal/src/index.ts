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
export type {
  ReversalColumns,
  ReversalOptions,
  ReversalStatuses,
  StaleRow,
  StaleRowChanges,
} from './options.ts'
export type { FinalOutcome, ResolveOutcome, RowOutcome, StaleReason } from './outcome.ts'
export type { Probe, ProbePoint } from './probe.ts'
export type { ReversalReport } from './report.ts'
export type { RunEnd, RunResult } from './run-result.ts'
export type { StaleCount } from './sql/count-pending.ts'
export type { WatchOptions } from './watch.ts'
