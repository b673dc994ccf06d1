import { metrics, trace } from '@opentelemetry/api'
import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import type { BusTelemetry } from '../telemetry.ts'
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

const scope = '@payflow/queue'

/**
 * Spans and metrics through the API of OpenTelemetry, for the option `telemetry` of `createBus`:
 * nothing happens until the application has set up an SDK. Names and attributes follow the semantic
 * conventions for messaging and RabbitMQ. Spans carry the message's id, never its data; metrics
 * carry neither ids nor keys.
 *
 * | span | kind | |
 * | --- | --- | --- |
 * | `create <exchange>:<type>` | PRODUCER | a message written into an outbox; child of what runs |
 * | `publish <exchange>:<type>` | PRODUCER | `bus.publish`, until the confirm |
 * | `relay` | CLIENT | a batch on its way to the broker; linked to each message's `create` |
 * | `process <queue>` | CONSUMER | handler, commit and settlement; child of `create` or `publish`,
 * and linked to it. Several messages in one transaction: a trace of its own, linked to all |
 *
 * The trace travels in the message's headers `traceparent` and `tracestate` (W3C), which are stored
 * with the outbox row. So it goes on through the outbox, through retries and parking, and into the
 * messages a handler writes. It is the parent and not only a link because a payment is one story
 * that people read from its request to its last effect, and a delivery at a handler of ours has no
 * other parent; the conventions allow that for single messages.
 *
 * - `messaging.client.consumed.messages`, `messaging.process.duration` (s): by consumer,
 *   `payflow.queue.outcome` and `error.type`.
 * - `messaging.client.sent.messages`: by `messaging.operation.name` (`publish`, `relay`) and
 *   `error.type`.
 * - `payflow.queue.events`: each event by its type.
 * - `payflow.queue.in_flight` and `payflow.queue.lanes.blocked` by consumer; `payflow.queue.outbox.pending`, `.parked`, `.age` (s).
 *   `payflow.queue.loop.lag` (s).
 *   The outbox is read at each collection, by every process that has a bus.
 *
 * Give one bus one telemetry.
 */
export function telemetry(options: TelemetryOptions = {}): BusTelemetry {
  const spans = new Spans((options.tracerProvider ?? trace).getTracer(scope))
  const instruments = new Instruments((options.meterProvider ?? metrics).getMeter(scope))
  return {
    event: (event) => instruments.event(event),
    creating: (message, run) => spans.produce('create', message, run),
    async publishing(message, run) {
      try {
        const result = await spans.produce('publish', message, run)
        instruments.sent('publish', 1)
        return result
      } catch (error) {
        instruments.sent('publish', 1, error)
        throw error
      }
    },
    async relaying(messages, run) {
      const batch = await spans.relay(messages, run)
      instruments.sent('relay', batch.confirmed.length)
      for (const { error } of batch.refused) instruments.sent('relay', 1, error)
      return batch
    },
    async consuming(consumer, messages, run) {
      const begunAt = performance.now()
      return await spans.consume(consumer, messages, (tell) =>
        run((result) => {
          instruments.consumed(consumer, result, (performance.now() - begunAt) / 1_000)
          tell(result)
        }),
      )
    },
    observe: (bus) => instruments.observe(bus),
  }
}
