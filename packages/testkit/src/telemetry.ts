import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

export type { ReadableSpan } from '@opentelemetry/sdk-trace'

/** The SDK's tracer, and what it was told. */
export interface Tracer {
  readonly tracerProvider: TracerProvider
  /** Finished spans, kept until they are reset. */
  readonly spans: InMemorySpanExporter
  /** Does something inside a span of that name, as a web framework does. */
  inRequest<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Contexts follow asynchronous calls from here on, as in a process with the SDK. */
  begin(): void
  end(): void
}

/** Makes a tracer whose spans are kept in memory. */
export function tracer(): Tracer {
  const spans = new InMemorySpanExporter()
  const tracerProvider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: spans })],
  })
  return {
    tracerProvider,
    spans,
    async inRequest(name, work) {
      const span = tracerProvider.getTracer('web').startSpan(name)
      try {
        return await context.with(trace.setSpan(context.active(), span), work)
      } finally {
        span.end()
      }
    },
    begin: () => context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable()),
    end: () => context.disable(),
  }
}

/** A point of a metric: its attributes and its value. */
export type Point = readonly [attributes: Record<string, unknown>, value: any]

/** The SDK's meter, and what it has collected. */
export interface Metered {
  readonly meterProvider: MeterProvider
  /** Every metric by its name, as of now. */
  collectAll(): Promise<Readonly<Record<string, readonly Point[]>>>
  /** One metric; no points when nothing was measured. */
  collect(name: string): Promise<readonly Point[]>
}

/** Makes a meter that collects when it is asked: one for each test. Names lose the prefix. */
export function metered(prefix = ''): Metered {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const collectAll = async (): Promise<Record<string, Point[]>> => {
    exporter.reset()
    await reader.forceFlush()
    const scopes = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics)
    const metrics = scopes.flatMap((scope) => scope.metrics)
    return Object.fromEntries(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name.replace(prefix, ''),
        dataPoints.map(({ attributes, value }): Point => [attributes, value]),
      ]),
    )
  }
  return { meterProvider, collectAll, collect: async (name) => (await collectAll())[name] ?? [] }
}
