import { metrics, trace } from '@opentelemetry/api'
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { Reversal } from '../create-reversal.ts'
import type { ReversalTelemetry } from '../telemetry.ts'
import { Instruments } from './instruments.ts'
import { Spans } from './spans.ts'

/** Options of {@link telemetry}. */
export interface TelemetryOptions {
  /**
   * Makes the spans.
   * @defaultValue the global one
   */
  readonly tracerProvider?: TracerProvider
  /**
   * Makes the counters, the histogram and the gauges.
   * @defaultValue the global one
   */
  readonly meterProvider?: MeterProvider
}

/** What `observe` asks. */
export type ObservedReversal = Pick<Reversal, 'metrics'>

/** What {@link telemetry} gives: the option `telemetry` of `createReversal`, and `observe`. */
export interface Telemetry extends ReversalTelemetry {
  /**
   * Reads the database whenever metrics are collected: in one long-lived service, not in every job.
   * Call the answer to stop.
   */
  observe(reversal: ObservedReversal): () => void
}

const scope = '@payflow/reversal'

/**
 * Spans and metrics through the API of OpenTelemetry, for the option `telemetry` of
 * `createReversal`: nothing happens until the application has set up an SDK. Spans carry a row's
 * id, never its data; metrics carry no ids.
 *
 * | span | kind | |
 * | --- | --- | --- |
 * | `reversal.run` | INTERNAL | a run; `payflow.reversal.ended_by`, the counts, the causes of a mass reversal |
 * | `reversal.settle` | INTERNAL | a row, its decision and record; child of the run |
 *
 * - `payflow.reversal.rows`: counter; `outcome`, `reason`.
 * - `payflow.reversal.runs`: counter; `ended_by`, or `failed`.
 * - `payflow.reversal.mass_reversals`: counter; `action`.
 * - `payflow.reversal.run.duration`: histogram in seconds; `ended_by`.
 * - Where `observe` was called, gauges: `payflow.reversal.pending`, `payflow.reversal.pending.age`
 *   (s), `payflow.reversal.stale` by `reason`, `payflow.reversal.share`,
 *   `payflow.reversal.mass_reversal` (0 or 1); and with a logbook
 *   `payflow.reversal.success.age` (s) and `payflow.reversal.logbook.rows` by `outcome`.
 */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const spans = new Spans((options.tracerProvider ?? trace).getTracer(scope))
  const instruments = new Instruments((options.meterProvider ?? metrics).getMeter(scope))
  return {
    event: (event) => instruments.event(event),
    running: (table, work) => spans.run(table, () => instruments.run(work)),
    settling: (row, work) => spans.settle(row, work),
    observe: (reversal) => instruments.observe(reversal),
  }
}
