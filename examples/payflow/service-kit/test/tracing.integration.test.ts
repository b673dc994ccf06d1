/*
 * Goal: tracing is for looking at work and never in its way: a collector that refuses, hangs or is
 * not there changes no answer and delays no end; without one nothing is recorded, but the trace of a
 * caller still goes through.
 * Method: a small process of the service kit, a collector that misbehaves on demand.
 */
import { startTraceCollector, type TraceCollector } from './support/trace-collector.ts'
import { freePort, waitFor } from '@payflow/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startService, type RunningService } from './support/start-service.ts'

const entry = new URL('./support/relaying-service.ts', import.meta.url)
const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }
const traceparent = `00-${caller.traceId}-${caller.spanId}-01`

let collector: TraceCollector

beforeAll(async () => {
  collector = await startTraceCollector()
})
afterAll(async () => {
  await collector[Symbol.asyncDispose]()
})
beforeEach(() => collector.behave('accept'))

/** A process that calls the one at `next`, or none, and answers what headers it was called with. */
async function start(env: Record<string, string> = {}): Promise<RunningService> {
  return await startService(entry, { SHUTDOWN_DEADLINE_MS: '60000', ...env })
}

async function ask(service: RunningService, headers: Record<string, string> = {}) {
  const answer = await fetch(`${service.url}/relay/7`, { headers })
  expect(answer.status).toBe(200)
  return (await answer.json()) as { readonly seen: string | null; readonly next?: unknown }
}

const traced = (url: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_BSP_SCHEDULE_DELAY: '50',
})

describe('without a collector', () => {
  test('the trace of a caller goes through and stands on the lines', async () => {
    const last = await start()
    const first = await start({ NEXT_URL: last.url })
    expect(await ask(first, { traceparent })).toMatchObject({ next: { seen: traceparent } })
    const lines = await waitFor(() => atLeastOne(first.logs().filter(isRequest)))
    expect(lines).toMatchObject([{ traceId: caller.traceId, route: '/relay/:id' }])
    expect(await Promise.all([first.stop(), last.stop()])).toEqual([0, 0])
  })

  test('a request with no trace, or with what is none, begins one', async () => {
    const service = await start()
    const given = [
      undefined,
      '00-00000000000000000000000000000000-0000000000000000-01',
      `ff-${caller.traceId}-${caller.spanId}-01`,
      `00-${'"}{'.repeat(2_000)}`,
    ]
    for (const header of given) {
      await ask(service, header === undefined ? {} : { traceparent: header })
    }
    const lines = await waitFor(() => {
      const found = service.logs().filter(isRequest)
      return found.length === given.length ? found : undefined
    })
    for (const line of lines) {
      expect(line['traceId']).toMatch(/^(?!0{32})[\da-f]{32}$/)
      expect(line['spanId']).toMatch(/^(?!0{16})[\da-f]{16}$/)
    }
    expect(new Set([caller.traceId, ...lines.map((line) => line['traceId'])]).size).toBe(5)
    await service.stop()
  })
})

describe('with a collector', () => {
  test('the last spans arrive before the process ends', async () => {
    const service = await start({ ...traced(collector.url), OTEL_BSP_SCHEDULE_DELAY: '600000' })
    await ask(service, { traceparent })
    expect(ofTrace(caller.traceId)).toEqual([])
    expect(await service.stop()).toBe(0)
    expect(ofTrace(caller.traceId)).toMatchObject([
      { name: 'GET /relay/:id', kind: 'server', parentSpanId: caller.spanId },
    ])
  })

  test.each(['refuse', 'hang'] as const)('that does %s work and end go on', async (how) => {
    collector.behave(how)
    const before = collector.requests
    // Whoever waited for the collector would wait for half a minute: the time that OpenTelemetry has.
    const service = await start({
      ...traced(collector.url),
      OTEL_EXPORTER_OTLP_TIMEOUT: '290000',
      SHUTDOWN_DEADLINE_MS: '300000',
    })
    for (let i = 0; i < 20; i += 1) await ask(service)
    await waitFor(() => collector.requests > before, { timeoutMs: 60_000 })
    for (let i = 0; i < 20; i += 1) await ask(service)
    const stoppedAt = performance.now()
    expect(await service.stop()).toBe(0)
    expect(performance.now() - stoppedAt).toBeLessThan(20_000)
  })

  test('that is not there is named once in the log, and work and end go on', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    const service = await start({ ...traced(url), OTEL_EXPORTER_OTLP_TIMEOUT: '300' })
    const complaints = () =>
      service.logs().filter(({ message }) => String(message).startsWith('spans cannot be exported'))
    for (let i = 0; i < 5; i += 1) await ask(service)
    await waitFor(() => complaints().length > 0, { timeoutMs: 60_000 })
    for (let i = 0; i < 5; i += 1) await ask(service)
    expect(await service.stop()).toBe(0)
    expect(complaints()).toHaveLength(1)
  })

  test('a share of traces is recorded, and all of a trace or nothing', async () => {
    const last = await start(traced(collector.url))
    const first = await start({
      ...traced(collector.url),
      NEXT_URL: last.url,
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.5',
    })
    const before = collector.spans.length
    for (let i = 0; i < 60; i += 1) await ask(first)
    await Promise.all([first.stop(), last.stop()])
    const spans = collector.spans.slice(before)
    const traces = Map.groupBy(spans, ({ traceId }) => traceId)
    // Server, client and the server behind it. 0.5^60 is the chance of all or none.
    expect([...traces.values()].map((trace) => trace.length)).toEqual([...traces].map(() => 3))
    expect(traces.size).toBeGreaterThan(0)
    expect(traces.size).toBeLessThan(60)
  })

  test('whoever chooses the id of a trace does not choose whether it is recorded', async () => {
    const service = await start({
      ...traced(collector.url),
      CALLER: 'page',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.5',
    })
    // By their ids, the ratio sampler would record each of the first, and none of the others.
    const id = (digit: string, at: number) => digit.repeat(29) + String(at).padStart(3, digit)
    const ids = Array.from({ length: 60 }, (_, at) => [id('0', at + 1), id('f', at + 1)]).flat()
    const once = async () => {
      for (const one of ids) {
        await ask(service, { traceparent: `00-${one}-${caller.spanId}-01` })
      }
    }
    await once()
    await once()
    await service.stop()
    const recorded = (digit: string) =>
      ids.filter((one) => one.startsWith(digit) && ofTrace(one).length > 0)
    for (const digit of ['0', 'f']) {
      expect(recorded(digit).length).toBeGreaterThan(0)
      expect(recorded(digit).length).toBeLessThan(60)
      // The page's span and the request's, twice: one id has one decision.
      expect(recorded(digit).map((one) => ofTrace(one).length)).toEqual(
        recorded(digit).map(() => 4),
      )
    }
  })

  test('a sampler that does not exist is a fault of the environment', async () => {
    await expect(
      start({
        ...traced(collector.url),
        OTEL_TRACES_SAMPLER: 'mine',
        OTEL_TRACES_SAMPLER_ARG: '2',
      }),
    ).rejects.toThrow(/OTEL_TRACES_SAMPLER: [^]*OTEL_TRACES_SAMPLER_ARG: must be a number/)
  })
})

const isRequest = ({ route }: Record<string, unknown>): boolean => route !== undefined
const atLeastOne = <T>(found: readonly T[]): readonly T[] | undefined =>
  found.length > 0 ? found : undefined
const ofTrace = (id: string) => collector.spans.filter(({ traceId }) => traceId === id)
