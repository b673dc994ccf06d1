import { metrics, trace } from '@opentelemetry/api'
import type { Attributes, MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { IdempotencyEvent } from '../events.ts'
import type { IdempotencyStore } from '../store.ts'
import { eventAttributes } from './event-attributes.ts'
import { Instruments } from './instruments.ts'
import { tracedStore } from './traced-store.ts'

/** Options of {@link telemetry}. */
export interface TelemetryOptions {
  /**
   * Makes the spans.
   * @defaultValue the global one
   */
  readonly tracerProvider?: TracerProvider
  /**
   * Makes the counters and the histogram.
   * @defaultValue the global one
   */
  readonly meterProvider?: MeterProvider
  /**
   * Names an operation in metrics. An operation may be a path with ids in it, and each value is a
   * time series that is kept for ever: give back one of a few names, or `undefined`.
   * @defaultValue no operation in metrics
   */
  readonly operation?: (operation: string) => string | undefined
}

/** `guard()` of `./postgres`, or what you have made of it. */
export type GuardFunction = (trx: any, context: any, ...rest: any[]) => Promise<any>

/** What {@link telemetry} gives. */
export interface Telemetry {
  /**
   * For the option of the same name. Counts every event in `payflow.idempotency.events` and adds it
   * to the span it happens in.
   */
  readonly onEvent: (event: IdempotencyEvent) => void
  /**
   * The same store, with a span `idempotency.<step>` around each step and its duration in
   * `payflow.idempotency.store.duration`. What instruments the client finds its parent there.
   */
  traced<Store extends IdempotencyStore>(store: Store): Store
  /**
   * The same guard, with a span `idempotency.guard` and its outcome in `payflow.idempotency.guards`:
   * `replayed` there is a payment that would have been made twice.
   */
  tracedGuard<Run extends GuardFunction>(guard: Run): Run
}

const scope = '@payflow/idempotency'

/**
 * Spans and metrics through the API of OpenTelemetry: nothing happens until the application has set
 * up an SDK. Attributes carry the record's id, a hash; never a key, scope, body or header.
 *
 * - `payflow.idempotency.events`: counter; `event` (the type), and what of `reason`, `degraded`,
 *   `omitted` it has; `operation` if you name it.
 * - `payflow.idempotency.store.duration`: histogram in seconds; `step`, `result` (`ok`, `stale`, the
 *   verdict of a claim, or `error`).
 * - `payflow.idempotency.guards`: counter; `outcome` (`executed`, `replayed`, or the error's code).
 */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const tracer = (options.tracerProvider ?? trace).getTracer(scope)
  const instruments = new Instruments((options.meterProvider ?? metrics).getMeter(scope), tracer)
  return {
    onEvent(event) {
      const attributes = eventAttributes(event)
      const name = options.operation?.(event.operation)
      const operation: Attributes = name === undefined ? {} : { operation: name }
      instruments.events.add(1, { event: event.type, ...attributes, ...operation })
      trace.getActiveSpan()?.addEvent(`idempotency.${event.type}`, {
        'payflow.idempotency.id': event.id,
        'payflow.idempotency.operation': event.operation,
        ...attributes,
      })
    },
    traced: (store) => tracedStore(store, instruments),
    tracedGuard<Run extends GuardFunction>(guard: Run): Run {
      const run: GuardFunction = (trx, context, ...rest) =>
        instruments.guard(context, () => guard(trx, context, ...rest))
      return run as Run
    },
  }
}
