// Spans and metrics as a real SDK collects them, of real outboxes, relays and consumers.
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { waitFor } from '@payflow/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { telemetry } from '../src/opentelemetry/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const spans = new InMemorySpanExporter()
const tracerProvider = new TracerProvider({
  spanProcessors: [new SimpleSpanProcessor({ exporter: spans })],
})
let world: World
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})
afterAll(() => context.disable())
beforeEach(async () => {
  spans.reset()
  world = await createWorld()
})
afterEach(() => world.dispose())

/** A meter of its own for each test, and what it has collected. */
function metered() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  const collect = async (name: string): Promise<[Record<string, unknown>, any][]> => {
    exporter.reset()
    await reader.forceFlush()
    const found = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap((scope) => scope.metrics)
      .find(({ descriptor }) => descriptor.name === name)
    return (found?.dataPoints ?? []).map(({ attributes, value }) => [attributes, value])
  }
  return { meterProvider, collect }
}

/** Does something inside a span, as a web framework does. */
async function inRequest<T>(work: () => Promise<T>): Promise<T> {
  const span = tracerProvider.getTracer('web').startSpan('POST /notes')
  try {
    return await context.with(trace.setSpan(context.active(), span), work)
  } finally {
    span.end()
  }
}

async function named(name: string, count = 1): Promise<ReadableSpan[]> {
  return await waitFor(
    () => {
      const found = spans.getFinishedSpans().filter((span) => span.name.startsWith(name))
      return found.length >= count ? found : undefined
    },
    { message: `${count} spans ${name}`, timeoutMs: 20_000 },
  )
}

const one = async (name: string): Promise<ReadableSpan> => (await named(name))[0] as ReadableSpan
const retry = { attempts: 2, delaysMs: [50] }

describe('telemetry', () => {
  it('keeps one trace from a request through two outboxes to the second consumer', async () => {
    const bus = world.bus({ telemetry: telemetry({ tracerProvider }) })
    const archive = `${world.queue}-archive`
    bus
      .consumer({ name: 'desk', queue: world.queue, messages: [NoteWritten], retry })
      .handle(NoteWritten, async ({ data }, { outbox }) => {
        await outbox.publish(NoteFiled, data)
      })
    bus
      .consumer({ name: 'archive', queue: archive, messages: [NoteFiled], retry })
      .handle(NoteFiled, ({ id, data }, { trx }) => leaveEffect(trx, id, data.text))
    await bus.topology.apply()
    for (const consumer of bus.health().consumers) expect(consumer.state).toBe('idle')
  })
})
