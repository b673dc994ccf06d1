/*
 * Goal: whatever is sent, the answer is problem+json with the right status, and says nothing about
 * the inside. Method: a real server on a loopback port, real requests, raw bytes where fetch is too
 * polite.
 */
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { problemSchema, type Problem } from '@payflow-app/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createHealth,
  createHttpApp,
  createLogger,
  createMetricsApp,
  createMetrics,
  listen,
  parse,
  problem,
  route,
  UpstreamError,
  type HttpServer,
} from '../src/index.ts'

const lines: string[] = []
const body = z.strictObject({ amount: z.int().min(1), tags: z.array(z.string()).optional() })
const health = createHealth()
const metrics = createMetrics('test')
let server: HttpServer
let base: string

beforeAll(async () => {
  const logger = createLogger({ service: 'test', destination: { write: (l) => lines.push(l) } })
  const app = createHttpApp({
    logger,
    metrics,
    health,
    routes(app) {
      route(app, '/things/:id', {
        get: [(req, res) => void res.json({ id: req.params['id'] })],
        post: [(req, res) => void res.json(parse(body, req.body))],
      })
      route(app, '/refused', {
        get: [
          () => {
            throw problem('insufficient-funds', { detail: 'You have 5 USD' })
          },
        ],
      })
      route(app, '/broken', {
        get: [
          () => {
            throw new Error('password=hunter2 in table users')
          },
        ],
      })
      route(app, '/database', {
        get: [
          () => {
            throw Object.assign(new Error('terminating connection'), { code: '57P01' })
          },
        ],
      })
      route(app, '/upstream', {
        get: [
          () => {
            throw new UpstreamError('UPSTREAM_TIMEOUT', 'wallet', 'no answer in time')
          },
        ],
      })
      route(app, '/half', {
        get: [
          (_req, res) => {
            res.write('{"half":')
            throw new Error('too late')
          },
        ],
      })
    },
  })
  server = await listen({ app, host: '127.0.0.1', port: 0 })
  base = `http://127.0.0.1:${server.port}`
})

afterAll(async () => {
  await server.close(0)
  metrics.close()
})

async function problemOf(path: string, init?: RequestInit): Promise<Problem> {
  const response = await fetch(base + path, init)
  const problem = problemSchema.parse(await response.json())
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(problem.status).toBe(response.status)
  expect(problem.type).toBe(`https://payflow.dev/problems/${problem.code?.replaceAll('_', '-')}`)
  expect(problem.requestId).toBe(response.headers.get('x-request-id'))
  return problem
}

function post(content: string | Uint8Array<ArrayBuffer>, type = 'application/json'): RequestInit {
  return { method: 'POST', body: content, headers: { 'content-type': type } }
}

describe('createHttpApp', () => {
  test.each([
    ['not JSON', post('{"amount":'), 400, 'malformed_json'],
    ['no text', post(new Uint8Array([0xff, 0xfe, 0x00])), 400, 'malformed_json'],
    [
      'text with bytes that are no UTF-8',
      post(new Uint8Array(Buffer.from('{"amount":1,"tags":["\xff"]}', 'latin1'))),
      400,
      'malformed_json',
    ],
    ['too large', post(`{"a":"${'x'.repeat(65 * 1024)}"}`), 413, 'body_too_large'],
    [
      'another type',
      post('amount=1', 'application/x-www-form-urlencoded'),
      415,
      'unsupported_media_type',
    ],
    ['no type', post(new Uint8Array([1]), ''), 415, 'unsupported_media_type'],
    [
      'another charset',
      post('{}', 'application/json; charset=latin1'),
      415,
      'unsupported_media_type',
    ],
    [
      'compressed',
      {
        ...post('{}'),
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      },
      415,
      'unsupported_media_type',
    ],
    ['a bare value', post('5'), 400, 'validation_failed'],
    ['null', post('null'), 400, 'validation_failed'],
    ['nothing', { method: 'POST' }, 400, 'validation_failed'],
    ['deep nesting', post('['.repeat(30_000)), 400, 'malformed_json'],
    [
      'deep nesting, closed',
      post('['.repeat(30_000) + ']'.repeat(30_000)),
      400,
      'validation_failed',
    ],
    ['a prototype key', post('{"amount":1,"__proto__":{"x":1}}'), 400, 'validation_failed'],
  ])('answers a body that is %s', async (_, init, status, code) => {
    const problem = await problemOf('/things/1', init)
    expect([problem.status, problem.code]).toEqual([status, code])
  })

  test('names each refused field with a JSON pointer', async () => {
    const { errors } = await problemOf('/things/1', post('{"amount":0,"tags":["a",1],"a/b":1}'))
    expect(errors).toEqual([
      { in: 'body', pointer: '#/amount', message: expect.any(String) },
      { in: 'body', pointer: '#/tags/1', message: expect.any(String) },
      { in: 'body', pointer: '#/a~1b', message: 'Unknown field' },
    ])
  })

  test('names no more than twenty fields', async () => {
    const keys = Array.from({ length: 2_000 }, (_, i) => `"k${i}":1`)
    const { errors } = await problemOf('/things/1', post(`{"amount":1,${keys.join(',')}}`))
    expect(errors).toHaveLength(20)
  })

  test('answers unknown routes with 404 and wrong methods with 405 and Allow', async () => {
    expect((await problemOf('/nowhere')).code).toBe('route_not_found')
    expect((await problemOf('/things/1', { method: 'DELETE' })).code).toBe('method_not_allowed')
    const response = await fetch(`${base}/things/1`, { method: 'PATCH' })
    expect(response.headers.get('allow')).toBe('GET, POST, HEAD, OPTIONS')
    await response.body?.cancel()
  })

  test('answers a path that is no valid percent-encoding', async () => {
    expect((await problemOf('/things/%E0%A4%A')).code).toBe('malformed_request')
  })

  test('sends a thrown problem as it is', async () => {
    const problem = await problemOf('/refused')
    expect(problem).toMatchObject({ status: 422, detail: 'You have 5 USD' })
  })

  test('hides the inside of an unexpected error and logs it', async () => {
    const answer = await fetch(`${base}/broken`)
    const text = await answer.text()
    expect(answer.status).toBe(500)
    expect(text).not.toMatch(/hunter2|users|stack|\.ts/)
    const id = answer.headers.get('x-request-id') ?? ''
    const logged = lines.filter((line) => line.includes(id) && line.includes('hunter2'))
    expect(logged).toHaveLength(1)
  })

  test('answers passing outages with 503 and 504 and when to come back', async () => {
    for (const [path, status] of [
      ['/database', 503],
      ['/upstream', 504],
    ] as const) {
      const response = await fetch(base + path)
      expect([response.status, response.headers.get('retry-after')]).toEqual([status, '1'])
      await response.body?.cancel()
    }
  })

  test('cuts the connection when half an answer has left', async () => {
    await expect(fetch(`${base}/half`).then((r) => r.text())).rejects.toThrow('terminated')
  })

  test('keeps a well-formed request id and replaces any other', async () => {
    const idOf = async (id: string) => {
      const response = await fetch(`${base}/things/1`, { headers: { 'x-request-id': id } })
      await response.body?.cancel()
      return response.headers.get('x-request-id')
    }
    expect(await idOf('abc-123')).toBe('abc-123')
    for (const id of ['a b', 'x'.repeat(65), '"', '{}'])
      expect(await idOf(id)).toMatch(/^[\w-]{36}$/)
  })

  test('answers metrics on a port of their own, and then nowhere else', async () => {
    const logger = createLogger({ service: 'test', destination: { write: (l) => lines.push(l) } })
    const shared = { logger, metrics, health }
    const open = createHttpApp({ ...shared, showMetrics: false, routes: () => undefined })
    const started = [createMetricsApp(shared), open].map((app) =>
      listen({ app, host: '127.0.0.1', port: 0 }),
    )
    const [apart, everybody] = await Promise.all(started)
    const status = async (port: number | undefined, path: string) =>
      (await fetch(`http://127.0.0.1:${port}${path}`)).status
    expect(await status(apart?.port, '/metrics')).toBe(200)
    expect(await status(apart?.port, '/health/live')).toBe(404)
    expect(await status(everybody?.port, '/metrics')).toBe(404)
    expect(await status(everybody?.port, '/health/live')).toBe(200)
    await Promise.all([apart?.close(0), everybody?.close(0)])
  })

  test('labels metrics with the pattern of the route', async () => {
    await (await fetch(`${base}/things/123456`)).json()
    const text = await (await fetch(`${base}/metrics`)).text()
    expect(text).toMatch(/http_request_duration_seconds_count{.*route="\/things\/:id".*}/)
    expect(text).toContain('route="unmatched"')
    expect(text).not.toContain('123456')
  })

  test('measures what takes milliseconds in buckets of milliseconds', async () => {
    await (await fetch(`${base}/things/1`)).json()
    const text = await (await fetch(`${base}/metrics`)).text()
    const bounds = [...text.matchAll(/duration_seconds_bucket{.*le="([\d.]+)".*things/g)]
      .concat([...text.matchAll(/duration_seconds_bucket{.*things.*le="([\d.]+)"/g)])
      .map(([, bound]) => Number(bound))
    const upToTenth = new Set(bounds.filter((bound) => bound <= 0.1))
    expect(upToTenth.size).toBeGreaterThanOrEqual(5)
  })
})

describe('listen', () => {
  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['no Host', 'GET /things/1 HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    [
      'no Host, but an expectation',
      'GET /things/1 HTTP/1.1\r\nexpect: money\r\nconnection: close\r\n\r\n',
      400,
    ],
    [
      'an expectation nobody can meet',
      'GET /nothing HTTP/1.1\r\nhost: x\r\nexpect: money\r\nconnection: close\r\n\r\n',
      404,
    ],
    [
      'chunks of a body that are none',
      'POST /things/1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n' +
        'transfer-encoding: chunked\r\n\r\nnone\r\n',
      400,
    ],
    ['endless headers', `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
  ])('answers %s with a problem', async (_, bytes, status) => {
    const answer = await new Promise<string>((resolve, reject) => {
      let text = ''
      const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes))
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      socket.on('end', () => {
        socket.destroy()
        resolve(text)
      })
      socket.on('error', reject)
    })
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer).toContain('application/problem+json')
  })
})

describe('createHealth', () => {
  test('is ready when all that is required is up, whatever else is down', async () => {
    let up = false
    health.require('database', async () => {
      if (!up) throw new Error('down')
    })
    health.observe('broker', () => Promise.reject(new Error('down')))
    const ready = await fetch(`${base}/health/ready`)
    expect([ready.status, await ready.json()]).toMatchObject([503, { status: 'not_ready' }])
    up = true
    const again = await fetch(`${base}/health/ready`)
    expect([again.status, await again.json()]).toMatchObject([
      200,
      { status: 'ready', checks: { broker: { status: 'down', required: false } } },
    ])
    const live = await fetch(`${base}/health/live`)
    expect(live.status).toBe(200)
    await live.body?.cancel()
  })
})

describe('createLogger', () => {
  test('cuts secrets out and keeps row contents of database errors to itself', () => {
    const written: string[] = []
    const logger = createLogger({ service: 't', destination: { write: (l) => written.push(l) } })
    const err = Object.assign(new Error('duplicate key'), { detail: 'Key (email)=(a@b.c)' })
    logger.info({ password: 'p1', req: { authorization: 'p2' }, err }, 'x')
    expect(written.join()).not.toMatch(/p1|p2|a@b\.c/)
    expect(written.join()).toContain('duplicate key')
  })
})

describe('listen', () => {
  test('says nothing of bytes that are no request behind one that is not answered yet', async () => {
    const { promise: asked, resolve: hasAsked } = Promise.withResolvers<ServerResponse>()
    const one = await listen({ app: (_, res) => hasAsked(res), host: '127.0.0.1', port: 0 })
    const socket = connect(one.port, '127.0.0.1')
    let said = ''
    socket.setEncoding('utf8').on('data', (bytes: string) => (said += bytes))
    // Cut with bytes that nobody has read, it ends with a reset.
    const cut = new Promise((resolve) => socket.on('error', () => undefined).on('close', resolve))
    socket.write('POST /payments HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}no HTTP\r\n\r\n')
    const res = await asked
    // A client would take what comes first for the answer to its payment, and for a final one.
    await cut
    expect(said).toBe('')
    res.end('too late')
    await one.close(0)
  })

  test('ends the connection with the answer that was on its way when it closed', async () => {
    const { promise: asked, resolve: hasAsked } = Promise.withResolvers<ServerResponse>()
    const closing = await listen({ app: (_, res) => hasAsked(res), host: '127.0.0.1', port: 0 })
    const agent = new Agent({ keepAlive: true })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      get({ port: closing.port, agent }, resolve).on('error', reject)
    })
    const res = await asked
    const closed = closing.close(10_000)
    res.end('whole')
    const answer = await answered
    expect(answer.headers.connection).toBe('close')
    expect(await text(answer)).toBe('whole')
    await closed
  })
})
