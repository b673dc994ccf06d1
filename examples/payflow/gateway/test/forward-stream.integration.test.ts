/*
 * Goal: a stream goes through the gateway as it comes, for as long as both ends want it, and what
 * one end does ends the other; nothing of it stays.
 * Method: the forwarding over real HTTP, in front of a service that does whatever a test wants.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import {
  createHttpClient,
  createStreamSlots,
  listen,
  type HttpServer,
} from '@payflow-app/service-kit'
import { follow } from '@payflow-app/testing'
import { waitFor } from '@payflow/testkit'
import express, { type Response } from 'express'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { forwardStream } from '../src/forward-stream.ts'

let upstream: HttpServer
let gateway: HttpServer
let slots: ReturnType<typeof createStreamSlots>
let stopping: AbortController
/** What the service does with a request. */
let serve: (res: Response) => void
/** Requests that have come to the service. */
let asked = 0
/** Requests that are open at the service. */
let behind = 0
/** What happens to a request before it is forwarded. */
let before: (res: Response) => unknown
/** Requests of which nothing is left to be done. */
let forwarded = 0
const url = () => `http://127.0.0.1:${gateway.port}/`

beforeEach(async () => {
  slots = createStreamSlots({ perUserMax: 2, totalMax: 10 })
  stopping = new AbortController()
  asked = 0
  behind = 0
  forwarded = 0
  before = () => undefined
  const service = express()
  service.get('/', (_req, res) => {
    asked += 1
    behind += 1
    res.once('close', () => (behind -= 1))
    serve(res)
  })
  upstream = await listen({ app: service, host: '127.0.0.1', port: 0 })
  const client = createHttpClient({
    name: 'service',
    baseUrl: `http://127.0.0.1:${upstream.port}`,
    timeoutMs: 300,
  })
  const app = express()
  app.get('/', async (req, res) => {
    await before(res)
    await forwardStream(req, res, {
      client,
      userId: 'ada',
      path: '/',
      slots,
      signal: stopping.signal,
      silenceMaxMs: 1_500,
      stallMaxMs: 500,
    })
    forwarded += 1
  })
  app.use((error: any, _req: unknown, res: Response, _next: unknown) => {
    if (res.headersSent) res.destroy()
    else res.status(error.status ?? 500).end(error.code ?? error.problemCode)
  })
  gateway = await listen({ app, host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  stopping.abort()
  await gateway.close(500)
  await upstream.close(500)
})

function begin(res: Response): void {
  res.setHeader('content-type', 'text/event-stream')
  res.write('id: 1\ndata: one\n\n')
}

describe('forwardStream', () => {
  test('passes on each part as it comes, for longer than a call may take', async () => {
    const more = Promise.withResolvers<void>()
    serve = (res) => {
      begin(res)
      void more.promise.then(() => res.end('id: 2\ndata: two\n\n'))
    }
    const startedAt = performance.now()
    const stream = await follow(url())
    await waitFor(() => stream.events.length === 1)
    await waitFor(() => performance.now() - startedAt > 600)
    more.resolve()
    expect(await stream.ended).toBe('whole')
    expect(stream.events.map(({ data }) => data)).toEqual(['one', 'two'])
    expect(Object.fromEntries(stream.headers)).toMatchObject({ 'x-accel-buffering': 'no' })
    await waitFor(() => slots.open === 0)
  })

  test('hangs up behind when the client does', async () => {
    serve = begin
    const stream = await follow(url())
    await waitFor(() => behind === 1)
    expect(slots.open).toBe(1)
    stream.hangUp()
    await waitFor(() => behind === 0 && slots.open === 0)
  })

  test('opens nothing for a client that has hung up before', async () => {
    serve = begin
    before = async (res) => {
      res.destroy()
      await once(res, 'close')
    }
    await expect(fetch(url())).rejects.toThrow('fetch failed')
    await waitFor(() => forwarded === 1)
    expect([asked, slots.open]).toEqual([0, 0])
  })

  test.each([
    ['breaks off', (res: Response) => (begin(res), void setTimeout(() => res.destroy(), 50))],
    ['falls silent', begin],
  ])('cuts the client off when the service %s', async (_, does) => {
    serve = does
    const stream = await follow(url())
    expect(await stream.ended).toBe('cut')
    await waitFor(() => behind === 0 && slots.open === 0)
  })

  test('gives up when no head of an answer comes, and passes refusals on', async () => {
    serve = () => undefined
    expect(await follow(url())).toMatchObject({ status: 500 })
    serve = (res) => void res.status(404).type('application/problem+json').end('{"status":404}')
    const refused = await follow(url())
    expect([refused.status, await refused.body()]).toEqual([404, '{"status":404}'])
    serve = (res) => void res.status(204).end()
    expect(await follow(url())).toMatchObject({ status: 204 })
    await waitFor(() => slots.open === 0)
  })

  test('cuts off a client that reads nothing, and holds little until then', async () => {
    let sent = 0
    serve = (res) => {
      begin(res)
      const chunk = `: ${'x'.repeat(16_000)}\n\n`
      const timer = setInterval(() => {
        while (!res.writableNeedDrain && res.writable) {
          res.write(chunk)
          sent += chunk.length
        }
      }, 1)
      res.once('close', () => clearInterval(timer))
    }
    const socket = connect(gateway.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await waitFor(() => sent > 0)
    await waitFor(() => behind === 0 && slots.open === 0, { timeoutMs: 60_000 })
    // What the system's own buffers of four sockets hold, and no more.
    expect(sent).toBeLessThan(64 * 1_024 * 1_024)
    socket.destroy()
  })

  test('ends all streams when the process stops, without waiting for anybody', async () => {
    serve = begin
    const streams = [await follow(url()), await follow(url())]
    expect(await follow(url())).toMatchObject({ status: 429 })
    stopping.abort()
    for (const stream of streams) expect(await stream.ended).toBe('whole')
    const startedAt = performance.now()
    await gateway.close(10_000)
    expect(performance.now() - startedAt).toBeLessThan(5_000)
    expect(slots.open).toBe(0)
  })
})
