// Spans and metrics as a real SDK collects them, of real outboxes, relays and consumers.
import { execFileSync } from 'node:child_process'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { waitFor } from '@payflow/testkit'
import { metered, tracer } from '@payflow/testkit/telemetry'
import type { ReadableSpan } from '@payflow/testkit/telemetry'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Kysely } from 'kysely'
import type { Bus, Consumer } from '../src/index.ts'
import { telemetry } from '../src/opentelemetry/index.ts'
import type { Note } from './support/messages.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const tracing = tracer()
const { spans, tracerProvider } = tracing
let world: World
beforeAll(() => {
  tracing.begin()
})
afterAll(() => tracing.end())
beforeEach(async () => {
  spans.reset()
  world = await createWorld()
})
afterEach(() => world.dispose())

const inRequest = <T>(work: () => Promise<T>): Promise<T> => tracing.inRequest('POST /notes', work)

async function named(name: string, count = 1): Promise<ReadableSpan[]> {
  return await waitFor(
    () => {
      const found = spans.getFinishedSpans().filter((span) => span.name.startsWith(name))
      return found.length >= count ? found : undefined
    },
    { message: `${count} spans ${name}`, timeoutMs: 30_000 },
  )
}

const one = async (name: string): Promise<ReadableSpan> => (await named(name))[0] as ReadableSpan
const retry = { attempts: 2, delaysMs: [50] }
const note: Note = { subject: 'tea', text: 'green' }
const spanId = (span: ReadableSpan): string => span.spanContext().spanId
const parentId = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId

/** Declares, runs the consumers and a relay. */
async function startAll(bus: Bus, ...consumers: Consumer<any>[]): Promise<void> {
  await bus.topology.apply()
  for (const consumer of consumers) await consumer.start()
  bus.relay({ pollMs: 20 }).start()
}

describe('telemetry', () => {
  it('keeps one trace from a request through two outboxes to the second consumer', async () => {
    const archive = `${world.queue}-archive`
    const bus = world.bus({ telemetry: telemetry({ tracerProvider }) })
    const desk = bus
      .consumer({ name: 'desk', queue: world.queue, messages: [NoteWritten], retry })
      .handle(NoteWritten, async ({ data }, { outbox }) => {
        await outbox.publish(NoteFiled, data)
      })
    const archivist = bus
      .consumer({ name: 'archive', queue: archive, messages: [NoteFiled], retry })
      .handle(NoteFiled, ({ id, data }, { trx }) => leaveEffect(trx, id, data.text))
    await startAll(bus, desk, archivist)
    const publish = (trx: Kysely<any>) => bus.outbox(trx).publish(NoteWritten, note)
    const { id } = await inRequest(() => inTransaction(bus, world.db, publish))
    await world.waitForEffects(1)

    const request = await one('POST /notes')
    const written = await one(`create ${world.exchange}:notes.written`)
    const handled = await one(`process ${world.queue}`)
    const filed = await one(`create ${world.exchange}:notes.filed`)
    const last = await one(`process ${archive}`)
    const story = [request, written, handled, filed, last]
    expect(new Set(story.map((span) => span.spanContext().traceId)).size).toBe(1)
    expect(story.slice(1).map(parentId)).toEqual(story.slice(0, -1).map(spanId))
    expect(story.slice(1).map(({ kind }) => kind)).toEqual([
      SpanKind.PRODUCER,
      SpanKind.CONSUMER,
      SpanKind.PRODUCER,
      SpanKind.CONSUMER,
    ])
    expect(handled.links.map((link) => link.context.spanId)).toEqual([spanId(written)])
    expect(written.attributes).toEqual({
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'create',
      'messaging.operation.type': 'create',
      'messaging.destination.name': `${world.exchange}:notes.written`,
      'messaging.rabbitmq.destination.routing_key': 'notes.written',
      'messaging.message.id': id,
    })
    expect(handled.attributes).toMatchObject({
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': `${world.exchange}:notes.written:${world.queue}`,
      'messaging.consumer.group.name': 'desk',
      'messaging.message.id': id,
      'payflow.queue.outcome': 'committed',
      'payflow.queue.attempt': 1,
    })
    const relays = await named('relay', 2)
    expect(relays.map(parentId)).toEqual([undefined, undefined])
    const linked = relays.flatMap(({ links }) => links.map((link) => link.context.spanId))
    expect(linked.toSorted()).toEqual([spanId(written), spanId(filed)].toSorted())
    await world.deleteQueues(archive, [50])
  })

  it('continues the trace of a message that is tried again, and of one that is parked', async () => {
    const { meterProvider, collect } = metered()
    const bus = world.bus({ telemetry: telemetry({ tracerProvider, meterProvider }) })
    const desk = bus
      .consumer({ name: 'desk', queue: world.queue, messages: [NoteWritten], retry })
      .handle(NoteWritten, () => Promise.reject(new Error('secret of the handler')))
    await startAll(bus, desk)
    await inRequest(() => bus.publish(NoteWritten, note))
    const tries = await named(`process ${world.queue}`, 2)

    const published = await one(`publish ${world.exchange}:notes.written`)
    expect(tries.map(parentId)).toEqual([spanId(published), spanId(published)])
    expect(tries.map((span) => span.attributes['payflow.queue.outcome'])).toEqual([
      'retried',
      'parked',
    ])
    expect(tries.map(({ status }) => status.code)).toEqual([
      SpanStatusCode.ERROR,
      SpanStatusCode.ERROR,
    ])
    expect(
      JSON.stringify(tries.map(({ events, attributes }) => [events, attributes])),
    ).not.toContain('secret')
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers?.['traceparent']).toContain(spanId(published))
    const consumed = await collect('messaging.client.consumed.messages')
    expect(consumed.map(([about, count]) => [about['payflow.queue.outcome'], count])).toEqual([
      ['retried', 1],
      ['parked', 1],
    ])
  })

  it('begins a trace of its own for a batch, linked to each of its messages', async () => {
    const bus = world.bus({
      telemetry: telemetry({ tracerProvider }),
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: world.queue, types: ['notes.written'] }],
      },
    })
    const batch = { size: 3, waitMs: 1_000 }
    const desk = bus
      .consumer({ name: 'desk', queue: world.queue, messages: [NoteWritten], batch, retry })
      .handleBatch(NoteWritten, () => Promise.resolve())
    await bus.topology.apply()
    for (let sent = 0; sent < batch.size; sent += 1) {
      await inRequest(() => bus.publish(NoteWritten, note))
    }
    await startAll(bus, desk)
    const handled = await one(`process ${world.queue}`)
    const published = await named(`publish ${world.exchange}:notes.written`, 3)
    expect(parentId(handled)).toBeUndefined()
    expect(handled.links.map((link) => link.context.spanId)).toEqual(published.map(spanId))
    expect(handled.attributes['messaging.batch.message_count']).toBe(3)
    expect(handled.events.map(({ name }) => name)).toEqual([
      'queue.committed',
      'queue.committed',
      'queue.committed',
    ])
  })

  it('says how many keys are blocked behind a message that failed', async () => {
    const { meterProvider, collect } = metered()
    const bus = world.bus({ telemetry: telemetry({ tracerProvider, meterProvider }) })
    const order = 'key'
    const patient = { attempts: 2, delaysMs: [60_000] }
    const desk = bus
      .consumer({
        name: 'desk',
        queue: world.queue,
        messages: [NoteWritten],
        order,
        retry: patient,
      })
      .handle(NoteWritten, () => Promise.reject(new Error('not yet')))
    await startAll(bus, desk)
    await bus.publish(NoteWritten, note)
    await named(`process ${world.queue}`)
    expect(await collect('payflow.queue.lanes.blocked')).toEqual([
      [{ 'messaging.consumer.group.name': 'desk' }, 1],
    ])
  })

  it('keeps a trace the caller gave, and takes none from whoever opened the connection', async () => {
    const bus = world.bus({ telemetry: telemetry({ tracerProvider }) })
    const desk = bus
      .consumer({ name: 'desk', queue: world.queue, messages: [NoteWritten], retry })
      .handle(NoteWritten, ({ id, data }, { trx }) => leaveEffect(trx, id, data.text))
    await inRequest(() => startAll(bus, desk))
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await bus.publish(NoteWritten, note, { headers: { traceparent } })
    await world.send(world.queue, JSON.stringify(note), {
      contentType: 'application/json',
      messageId: 'foreign',
      type: 'notes.written',
      headers: { traceparent: 'not a trace' },
    })
    const handled = await named(`process ${world.queue}`, 2)
    const [traced, untraced] = handled.toSorted((a, b) => b.links.length - a.links.length)
    expect(traced?.links.map((link) => link.context.spanId)).toEqual(['b7ad6b7169203331'])
    expect([traced, untraced].map((span) => span && parentId(span))).toEqual([
      'b7ad6b7169203331',
      undefined,
    ])
  })

  it('measures without ids: outcomes, durations, what waits and what is in hand', async () => {
    const { meterProvider, collect } = metered()
    const bus = world.bus({ telemetry: telemetry({ tracerProvider, meterProvider }) })
    const gate = Promise.withResolvers<void>()
    const desk = bus
      .consumer({ name: 'desk', queue: world.queue, messages: [NoteWritten], retry })
      .handle(NoteWritten, () => gate.promise)
    await startAll(bus, desk)
    await bus.publish(NoteWritten, note)
    await waitFor(() => bus.health().consumers[0]?.counts.inFlight === 1)
    await world.db.transaction().execute((trx) => bus.outbox(trx).publish(NoteFiled, note))
    expect(await collect('payflow.queue.in_flight')).toEqual([
      [{ 'messaging.consumer.group.name': 'desk' }, 1],
    ])
    await waitFor(async () => (await collect('payflow.queue.outbox.pending'))[0]?.[1] === 1)
    expect((await collect('payflow.queue.outbox.age'))[0]?.[1]).toBeGreaterThan(0)
    gate.resolve()
    await named(`process ${world.queue}`)
    const process = {
      'messaging.system': 'rabbitmq',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.consumer.group.name': 'desk',
      'payflow.queue.outcome': 'committed',
    }
    const [duration] = await collect('messaging.process.duration')
    expect([duration?.[0], duration?.[1].count]).toEqual([process, 1])
    const events = await collect('payflow.queue.events')
    expect(events).toContainEqual([
      { event: 'message.committed', 'messaging.consumer.group.name': 'desk' },
      1,
    ])
    const sent = await waitFor(async () => {
      const points = await collect('messaging.client.sent.messages')
      return points.length >= 2 ? points : undefined
    })
    expect(sent.map(([about]) => [about['messaging.operation.name'], about['error.type']])).toEqual(
      [
        ['publish', undefined],
        ['relay', 'QUEUE_UNROUTABLE'],
      ],
    )
  })

  it('asks a bus for its gauges until it is told to stop, and not after', async () => {
    const { meterProvider, collect } = metered()
    const idle = world.bus()
    let asked = 0
    const stop = telemetry({ meterProvider }).observe({
      health() {
        asked += 1
        return idle.health()
      },
      outboxDepth: () => idle.outboxDepth(),
    })
    await collect('payflow.queue.in_flight')
    expect(asked).toBe(1)
    stop()
    await collect('payflow.queue.in_flight')
    expect(asked).toBe(1)
  })
})

describe('the package', () => {
  /** Imports an entry point in a process where OpenTelemetry is not installed. */
  function importWithoutOpenTelemetry(entry: string): void {
    const hooks = `import { registerHooks } from 'node:module'
      registerHooks({ resolve(name, context, next) {
        if (name.startsWith('@opentelemetry')) throw new Error('not installed: ' + name)
        return next(name, context)
      } })`
    const file = new URL(`../src/${entry}`, import.meta.url).href
    const { NODE_OPTIONS: _, ...env } = process.env
    execFileSync(
      process.execPath,
      [
        '--conditions=@payflow/source',
        `--import=data:text/javascript,${encodeURIComponent(hooks)}`,
        '--input-type=module',
        `--eval=await import('${file}')`,
      ],
      { env, stdio: 'pipe' },
    )
  }

  it('needs OpenTelemetry for nothing but its own entry point', () => {
    importWithoutOpenTelemetry('index.ts')
    importWithoutOpenTelemetry('testing/index.ts')
    expect(() => importWithoutOpenTelemetry('opentelemetry/index.ts')).toThrow('not installed')
  })
})
