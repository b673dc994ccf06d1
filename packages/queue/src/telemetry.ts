import type { BusEvent } from './events.ts'
import type { BusHealth, OutboxDepth } from './types.ts'

/** Headers that carry a trace: `traceparent` and, where there is one, `tracestate`. */
export type TraceHeaders = Readonly<Record<string, string>>

/** A message on its way to the broker. */
export interface OutgoingRef {
  readonly exchange: string
  readonly routingKey: string
  readonly messageId: string
  readonly messageType: string
  /** What it carries already; a relay's messages have the trace they were written in. */
  readonly headers: Readonly<Record<string, unknown>>
}

/** A message a consumer has in hand. */
export interface IncomingRef {
  readonly exchange: string
  readonly routingKey: string
  readonly messageId: string | undefined
  readonly bodyBytes: number
  readonly redelivered: boolean
  readonly headers: Readonly<Record<string, unknown>>
}

/** What became of a message a consumer had in hand. */
export interface ConsumedRef {
  readonly messageType: string
  readonly attempt: number
  readonly outcome: 'committed' | 'duplicate' | 'retried' | 'parked' | 'released' | 'abandoned'
  /** Why it was not committed. */
  readonly error?: unknown
}

/** What became of a relay's batch. */
export interface RelayedRef {
  readonly confirmed: readonly unknown[]
  /** The broker said no to these. */
  readonly refused: readonly { readonly error: unknown }[]
}

/** What a bus lets itself be asked for gauges. */
export interface ObservedBus {
  health(): BusHealth
  outboxDepth(): Promise<OutboxDepth>
}

/**
 * What a bus calls around its work, so that spans and metrics can be made of it. `telemetry()` of
 * `@payflow/queue/opentelemetry` makes one; the bus itself knows nothing of OpenTelemetry. Each of
 * the four calls its `run` once and settles as that does.
 */
export interface BusTelemetry {
  /** Something happened; the same events as `onEvent`. */
  event(event: BusEvent): void
  /** A message is written into a transaction. The headers `run` is given are kept with it. */
  creating<T>(message: OutgoingRef, run: (trace: TraceHeaders) => Promise<T>): Promise<T>
  /** A message is published without an outbox. The headers `run` is given go with it. */
  publishing<T>(message: OutgoingRef, run: (trace: TraceHeaders) => Promise<T>): Promise<T>
  /** A relay sends these. Their headers stay as they are. */
  relaying<T extends RelayedRef>(
    messages: readonly OutgoingRef[],
    run: () => Promise<T>,
  ): Promise<T>
  /** A consumer handles and settles these; `run` tells what became of each. */
  consuming<T>(
    consumer: { readonly name: string; readonly queue: string },
    messages: readonly IncomingRef[],
    run: (tell: (result: ConsumedRef) => void) => Promise<T>,
  ): Promise<T>
  /** The bus can be asked from now on, until the function it gets back is called. */
  observe(bus: ObservedBus): () => void
}

/** What a bus without telemetry calls. */
export const untraced: BusTelemetry = {
  event() {},
  creating: (_message, run) => run({}),
  publishing: (_message, run) => run({}),
  relaying: (_messages, run) => run(),
  consuming: (_consumer, _messages, run) => run(() => {}),
  observe: () => () => {},
}
