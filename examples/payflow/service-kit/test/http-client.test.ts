/*
 * Goal: a caller can tell an answer from a refusal from silence, and silence that certainly did
 * nothing from silence that may have done something.
 * Method: real sockets on loopback, some of them ill-behaved.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createHttpClient,
  UpstreamError,
  withLogContext,
  type HttpClientOptions,
} from '../src/index.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function clientOf(
  listener: RequestListener,
  timeoutMs = 2_000,
  more: Pick<HttpClientOptions, 'token'> = {},
) {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return createHttpClient({
    name: 'wallet',
    baseUrl: `http://127.0.0.1:${port}`,
    timeoutMs,
    ...more,
  })
}

const call = {
  method: 'POST',
  path: '/',
  json: { a: 1 },
  schema: z.object({ b: z.int() }),
} as const

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('a connection that is cut', () => {
  /** Cuts so many connections, each after it has brought a request, before it answers one. */
  async function cutting(times: number) {
    let asked = 0
    const client = await clientOf((req, res) => {
      asked += 1
      if (asked <= times) req.socket.destroy()
      else res.end('{"b":1}')
    })
    return { client, asked: () => asked }
  }

  test('is made again once for a call that may be repeated', async () => {
    const { client, asked } = await cutting(1)
    expect(await client.request({ ...call, repeatable: true })).toMatchObject({ body: { b: 1 } })
    expect(asked()).toBe(2)
  })

  test.each([
    ['a call that may not', false, 1],
    ['one that is cut again', true, 2],
  ])('ends %s', async (_, repeatable, requests) => {
    const { client, asked } = await cutting(2)
    const error = await errorOf(client.request({ ...call, repeatable }))
    expect(error).toMatchObject({ code: 'UPSTREAM_INTERRUPTED' })
    expect(asked()).toBe(requests)
  })
})

describe('a connection that is kept', () => {
  /** A server that ends idle connections after two seconds, and says so. */
  async function impatient(listener: RequestListener) {
    const client = await clientOf(listener, 10_000)
    const server = servers.at(-1)!
    server.keepAliveTimeout = 2_000
    return { client, server }
  }

  test('is ended by us before the server does, which could cross with a request', async () => {
    const { client, server } = await impatient((_req, res) => res.end('{"b":1}'))
    const ended = new Promise<string>((resolve) => {
      server.once('connection', (socket) => {
        socket.once('end', () => resolve('by the client'))
        socket.once('close', () => resolve('by the server'))
      })
    })
    await client.request(call)
    expect(await ended).toBe('by the client')
  })

  test('stays while a request on it takes longer than it would be kept', async () => {
    const sockets = new Set<unknown>()
    const { client } = await impatient((req, res) => {
      const delayMs = sockets.has(req.socket) ? 1_500 : 0
      sockets.add(req.socket)
      setTimeout(() => res.end('{"b":1}'), delayMs)
    })
    await client.request(call)
    expect(await client.request(call)).toMatchObject({ body: { b: 1 } })
    expect(sockets.size).toBe(1)
  })
})

describe('request', () => {
  test('sends JSON and reads what the schema describes', async () => {
    const client = await clientOf((req, res) => {
      req.on('data', (chunk: Buffer) => {
        const isJson = req.headers['content-type'] === 'application/json'
        res.end(JSON.stringify({ b: isJson ? chunk.length : 0, extra: true }))
      })
    })
    expect(await client.request(call)).toEqual({ outcome: 'ok', status: 200, body: { b: 7 } })
  })

  test('passes the request id on', async () => {
    const client = await clientOf((req, res) =>
      res.end(JSON.stringify(req.headers['x-request-id'])),
    )
    const answer = await withLogContext({ requestId: 'abc' }, () =>
      client.request({ method: 'GET', path: '/', schema: z.string() }),
    )
    expect(answer).toMatchObject({ body: 'abc' })
  })

  test('returns a problem as a value that says whether to try again', async () => {
    const client = await clientOf((_req, res) => {
      res.writeHead(409, { 'content-type': 'application/problem+json', 'retry-after': '2' })
      res.end('{"type":"x","title":"t","status":409,"code":"transfer_conflict"}')
    })
    expect(await client.request(call)).toMatchObject({
      outcome: 'problem',
      status: 409,
      code: 'transfer-conflict',
      retryable: true,
      retryAfterMs: 2_000,
    })
  })

  test.each([
    [422, false],
    [400, false],
    [302, false],
    [429, true],
    [500, true],
    [503, true],
  ])('makes a problem of a %i without one', async (status, retryable) => {
    const client = await clientOf((_req, res) => {
      res.writeHead(status, { 'content-type': 'text/html' })
      res.end('<h1>Oops</h1>')
    })
    expect(await client.request(call)).toMatchObject({ outcome: 'problem', status, retryable })
  })

  test('throws UPSTREAM_UNREACHABLE when nobody listens', async () => {
    const server = createTcpServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const client = createHttpClient({ name: 'wallet', baseUrl: `http://127.0.0.1:${port}` })
    const error = await errorOf(client.request(call))
    expect(UpstreamError.is(error)).toBe(true)
    expect(error).toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      retryable: true,
      upstream: 'wallet',
    })
  })

  test('throws UPSTREAM_TIMEOUT when no answer comes, or only its beginning', async () => {
    const silent = await clientOf(() => undefined, 100)
    expect(await errorOf(silent.request(call))).toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
    const slow = await clientOf((_req, res) => void res.write('{'), 100)
    expect(await errorOf(slow.request(call))).toMatchObject({ code: 'UPSTREAM_TIMEOUT' })
  })

  test('throws UPSTREAM_INTERRUPTED when the connection breaks', async () => {
    const client = await clientOf((req) => void req.socket.destroy())
    expect(await errorOf(client.request(call))).toMatchObject({ code: 'UPSTREAM_INTERRUPTED' })
  })

  test('throws UPSTREAM_INVALID when a good status comes with a bad body', async () => {
    for (const body of ['', 'no JSON', '{"b":"1"}']) {
      const client = await clientOf((_req, res) => res.end(body))
      expect(await errorOf(client.request(call))).toMatchObject({ code: 'UPSTREAM_INVALID' })
    }
  })

  test('rejects with the reason of the caller who gave up', async () => {
    const client = await clientOf(() => undefined)
    const controller = new AbortController()
    const pending = client.request({ ...call, signal: controller.signal })
    const reason = new Error('not needed any more')
    controller.abort(reason)
    expect(await errorOf(pending)).toBe(reason)
  })

  test.each([
    ['ten minutes slow', 600_000, 200],
    ['ten minutes fast', -600_000, 200],
    ['right, and the token wrong', 0, 401],
    ['a day off, which nobody believes', 86_400_000, 401],
  ])('has tokens made for the clock of the other service: %s', async (_, aheadMs, status) => {
    const theirs = () => Date.now() + aheadMs
    const asked: number[] = []
    const listener: RequestListener = (req, res) => {
      asked.push(Number(req.headers.authorization?.slice('Bearer '.length)))
      const right = aheadMs !== 0 && Math.abs((asked.at(-1) ?? 0) - theirs()) < 5_000
      res.writeHead(right ? 200 : 401, { date: new Date(theirs()).toUTCString() }).end('{"b":1}')
    }
    const client = await clientOf(listener, 2_000, { token: String })
    expect(await client.send(call)).toMatchObject({ status })
    expect(await client.send(call)).toMatchObject({ status })
    // One refusal is enough to know better; one that a clock does not explain is not repeated.
    expect(asked).toHaveLength(status === 200 ? 3 : 2)
  })

  test('makes each call once', async () => {
    let calls = 0
    const client = await clientOf((req) => {
      calls += 1
      req.socket.destroy()
    })
    await errorOf(client.request(call))
    expect(calls).toBe(1)
  })
})
