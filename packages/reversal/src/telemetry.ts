import type { ReversalEvent } from './events.ts'
import type { RowOutcome, StaleReason } from './outcome.ts'
import type { RunResult } from './run-result.ts'

/**
 * Around what a job does, so that it can be measured. `telemetry()` of
 * `@payflow/reversal/opentelemetry` makes one; it must call `work` exactly once and give its answer.
 */
export interface ReversalTelemetry {
  /** Something happened; also given to `onEvent`. */
  event(event: ReversalEvent): void
  /** A whole run. */
  running(table: string, work: () => Promise<RunResult>): Promise<RunResult>
  /** One row: decision and record. */
  settling(
    row: { readonly id: string; readonly reason: StaleReason },
    work: () => Promise<RowOutcome>,
  ): Promise<RowOutcome>
}
