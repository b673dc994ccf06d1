// Spans and metrics as a real SDK collects them, of a route on real Redis and PostgreSQL.
import { metrics, SpanStatusCode, trace } from '@opentelemetry/api'
import { startRedis, uniqueName } from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { metered, tracer } from '@payflow/testkit/telemetry'
import type { ReadableSpan } from '@payflow/testkit/telemetry'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createIdempotency, presets } from '../src/index.ts'
import type { Idempotency, IdempotencyContext, Outcome } from '../src/index.ts'
import { memoryStore } from '../src/memory/index.ts'
import { telemetry } from '../src/opentelemetry/index.ts'
import { guard } from '../src/postgres/index.ts'
import { redisStore } from '../src/redis/index.ts'
import { forgetfulContext, guardedDatabase, pay } from './support/guarded.ts'
import { connect, isolatedStore } from './support/redis.ts'

const tracing = tracer()
const { spans, tracerProvider } = tracing
let database: TestDatabase
beforeAll(async () => {
  tracing.begin()
  database = await guardedDatabase()
})
afterAll(async () => {
  tracing.end()
  await database.dispose()
})
beforeEach(() => spans.reset())

const inRequest = <T>(work: () => Promise<T>): Promise<T> =>
  tracing.inRequest('POST /payments', work)

const named = (name: string): ReadableSpan[] =>
  spans.getFinishedSpans().filter((span) => span.name === name)

function executeOnce(
  idempotency: Idempotency<unknown>,
  key: string,
  work: (context: IdempotencyContext) => Promise<unknown> = () => Promise.resolve(1),
): Promise<Outcome<unknown>> {
  return idempotency.execute({ name: 'POST /payments/17', key, scope: 'ada', payload: 1 }, work)
}

describe('telemetry', () => {
  it('counts what happens to requests, without names of operations', async () => {
    const { meterProvider, collect } = metered()
    const { onEvent } = telemetry({ meterProvider, tracerProvider })
    const idempotency = createIdempotency({
      store: isolatedStore(),
      scope: () => 'ada',
      ...presets.payments,
      onEvent,
    })
    for (const key of ['a', 'a', 'a', 'b']) await executeOnce(idempotency, key)
    expect(await collect('payflow.idempotency.events')).toEqual([
      [{ event: 'claimed' }, 2],
      [{ event: 'completed' }, 2],
      [{ event: 'replayed', omitted: false }, 2],
    ])
  })

  it('names operations in metrics by your own few words', async () => {
    const { meterProvider, collect } = metered()
    const operation = (name: string): string | undefined => /^POST \/payments/.exec(name)?.[0]
    const { onEvent } = telemetry({ meterProvider, tracerProvider, operation })
    const store = memoryStore()
    const idempotency = createIdempotency({ store, scope: 'dangerouslyGlobal', onEvent })
    await executeOnce(idempotency, 'a')
    expect(await collect('payflow.idempotency.events')).toContainEqual([
      { event: 'claimed', operation: 'POST /payments' },
      1,
    ])
  })

  it('gives each step of the store a span in that of its request, and a duration', async () => {
    const { meterProvider, collect } = metered()
    const { onEvent, traced } = telemetry({ meterProvider, tracerProvider })
    const idempotency = createIdempotency({
      store: traced(isolatedStore()),
      scope: () => 'ada',
      ...presets.payments,
      onEvent,
    })
    const result = await inRequest(() => executeOnce(idempotency, 'a'))
    expect(result.outcome).toBe('executed')
    const [request] = named('POST /payments')
    const [claim] = named('idempotency.claim')
    expect(claim!.parentSpanContext?.spanId).toBe(request!.spanContext().spanId)
    expect(claim!.attributes).toMatchObject({
      'payflow.idempotency.result': 'acquired',
      'payflow.idempotency.attempt': 1,
      'payflow.idempotency.fence': expect.any(Number),
      'payflow.idempotency.id': expect.stringMatching(/^[\w-]{32}$/),
    })
    expect(request!.events.map(({ name }) => name)).toEqual([
      'idempotency.claimed',
      'idempotency.completed',
    ])
    const durations = await collect('payflow.idempotency.store.duration')
    expect(durations.map(([attributes, { count }]) => [attributes, count])).toEqual([
      [{ step: 'claim', result: 'acquired' }, 1],
      [{ step: 'complete', result: 'ok' }, 1],
    ])
  })

  it('marks a step that the store did not answer', async () => {
    const { meterProvider, collect } = metered()
    const { onEvent, traced } = telemetry({ meterProvider, tracerProvider })
    const redis = await startRedis()
    const store = traced(redisStore({ client: connect(redis.url), checkEviction: 'off' }))
    const idempotency = createIdempotency({
      store,
      scope: () => 'ada',
      ...presets.guarded,
      onEvent,
    })
    await redis.stop()
    expect((await executeOnce(idempotency, 'a')).outcome).toBe('executed')
    const [claim] = named('idempotency.claim')
    expect(claim!.status.code).toBe(SpanStatusCode.ERROR)
    expect(claim!.events.map(({ name }) => name)).toEqual(['exception'])
    const durations = await collect('payflow.idempotency.store.duration')
    expect(durations.map(([attributes]) => attributes)).toEqual([
      { step: 'claim', result: 'error' },
    ])
    expect(await collect('payflow.idempotency.events')).toEqual([
      [{ event: 'store_failed', degraded: true }, 1],
    ])
  })

  it('counts the payments that the guard did not make twice', async () => {
    const { meterProvider, collect } = metered()
    const tracedGuard = telemetry({ meterProvider, tracerProvider }).tracedGuard(guard)
    const key = uniqueName('key')
    const inside: string[] = []
    const run = (execution: IdempotencyContext): Promise<unknown> =>
      database.db.transaction().execute((trx) =>
        tracedGuard(trx, execution, () => {
          // What instruments the driver finds its parent here.
          inside.push((trace.getActiveSpan() as unknown as ReadableSpan).name)
          return pay(trx, key)
        }),
      )
    await run(await forgetfulContext(key))
    await run(await forgetfulContext(key))
    const reused = run(await forgetfulContext(key, 'another body'))
    await expect(reused).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
    expect(await collect('payflow.idempotency.guards')).toEqual([
      [{ outcome: 'executed' }, 1],
      [{ outcome: 'replayed' }, 1],
      [{ outcome: 'IDEMPOTENCY_KEY_REUSED' }, 1],
    ])
    expect(inside).toEqual(['idempotency.guard'])
    const outcomes = named('idempotency.guard').map(({ attributes }) => attributes)
    expect(outcomes).toMatchObject([
      { 'payflow.idempotency.outcome': 'executed' },
      { 'payflow.idempotency.outcome': 'replayed' },
      {},
    ])
  })

  it('never carries a key, a scope or the text of an error of the application', async () => {
    const { meterProvider } = metered()
    const { onEvent, traced, tracedGuard } = telemetry({ meterProvider, tracerProvider })
    const secret = uniqueName('secret')
    const idempotency = createIdempotency({
      store: traced(isolatedStore()),
      scope: () => secret,
      ...presets.guarded,
      onEvent,
    })
    const failing = executeOnce(idempotency, secret, (execution) =>
      database.db.transaction().execute((trx) =>
        tracedGuard(guard)(trx, execution, () => {
          throw new Error(secret)
        }),
      ),
    )
    await expect(inRequest(() => failing)).rejects.toThrow(secret)
    expect(spans.getFinishedSpans().length).toBeGreaterThan(2)
    const told = spans.getFinishedSpans().map(({ attributes, events }) => ({ attributes, events }))
    expect(JSON.stringify(told)).not.toContain(secret)
  })

  it('does nothing at all without an SDK', async () => {
    expect(metrics.getMeterProvider().constructor.name).toBe('NoopMeterProvider')
    const { onEvent, traced } = telemetry()
    const own = isolatedStore()
    const store = traced(Object.assign(own, { self: () => own.prefix }))
    const idempotency = createIdempotency({ store, scope: () => 'ada', onEvent })
    expect((await executeOnce(idempotency, 'a')).outcome).toBe('executed')
    expect((await executeOnce(idempotency, 'a')).outcome).toBe('replayed')
    expect([store.prefix, store.self()]).toEqual([own.prefix, own.prefix])
  })
})
