// What clients send that they should not, written to the socket byte by byte. Every refusal is an
// RFC 9457 problem, and none reaches the handler: not even where a key is optional.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { waitFor } from '@payflow/testkit'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { createIdempotency } from '../src/index.ts'
import { answerMalformedRequests, idempotent } from '../src/express/index.ts'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import { rawPost } from './support/raw-http.ts'
import type { RawAnswer } from './support/raw-http.ts'
import { isolatedStore } from './support/redis.ts'

function expectProblem(answer: RawAnswer, status: number, code: string): void {
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(JSON.parse(answer.body)).toEqual({
    type: `https://payflow.dev/problems/${code.replaceAll('_', '-')}`,
    title: expect.stringMatching(/./),
    status,
    detail: expect.stringMatching(/./),
    code,
    retryable: false,
  })
}

describe('a key on the wire', () => {
  const missing: [string, string[]][] = [['no header at all', []]]
  const invalid: [string, string[]][] = [
    ['an empty value', ['Idempotency-Key:']],
    ['a value of spaces', ['Idempotency-Key:    ']],
    ['an empty text in quotes', ['Idempotency-Key: ""']],
    ['256 characters', [`Idempotency-Key: ${'k'.repeat(256)}`]],
    ['256 characters in quotes', [`Idempotency-Key: "${'k'.repeat(256)}"`]],
    ['8,000 characters', [`Idempotency-Key: ${'k'.repeat(8_000)}`]],
    ['two headers', ['Idempotency-Key: k1', 'Idempotency-Key: k1']],
    ['two headers of which one is empty', ['Idempotency-Key:', 'Idempotency-Key: k1']],
    ['two headers that differ by case', ['Idempotency-Key: k1', 'idempotency-key: k2']],
    ['two keys joined by a proxy', ['Idempotency-Key: k1,k2']],
    ['two quoted keys joined by a proxy', ['Idempotency-Key: "k1", "k2"']],
    ['a tab inside', ['Idempotency-Key: k\t1']],
    ['a space inside', ['Idempotency-Key: k 1']],
    ['a tab in quotes', ['Idempotency-Key: "k\t1"']],
    ['parameters after a quoted key', ['Idempotency-Key: "k1";v=1']],
    ['bytes beyond ASCII', ['Idempotency-Key: k\u00c3\u00b6']],
    ['the byte FF', ['Idempotency-Key: k\u00ff']],
  ]

  it.each(missing)('IDEM-32 is asked for: %s', async (_case, lines) => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    expectProblem(await rawPost(app.url, lines), 400, 'idempotency_key_missing')
    expect(handler.calls).toBe(0)
  })

  it.each(invalid)('IDEM-32 is refused, also where it is optional: %s', async (_case, lines) => {
    const handler = countingHandler()
    await using strict = await serveProtected(handler)
    expectProblem(await rawPost(strict.url, lines), 400, 'idempotency_key_invalid')
    await using lax = await serveProtected(handler, { route: { required: false } })
    expectProblem(await rawPost(lax.url, lines), 400, 'idempotency_key_invalid')
    expect(handler.calls).toBe(0)
  })

  it.each([
    ['NUL', '\u0000'],
    ['SOH', '\u0001'],
    ['ESC', '\u001b'],
    ['DEL', '\u007f'],
  ])('IDEM-32 is refused with the control character %s', async (_name, character) => {
    const handler = countingHandler()
    const idempotency = createIdempotency({ store: isolatedStore(), scope: () => 'ada' })
    const app = express().post('/', express.json(), idempotent(idempotency), handler)
    const ask = async (options: http.ServerOptions, isAnswered: boolean): Promise<RawAnswer> => {
      const server = http.createServer(options, app).listen(0, '127.0.0.1')
      if (isAnswered) answerMalformedRequests(server)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      try {
        return await rawPost(`http://127.0.0.1:${port}/`, [`Idempotency-Key: k${character}1`])
      } finally {
        server.close()
      }
    }
    const lenient = { insecureHTTPParser: true }
    // Node's parser refuses these bytes before any middleware, unless it is told to be lenient.
    expect(await ask({}, false)).toMatchObject({ status: 400, body: '' })
    expectProblem(await ask({}, true), 400, 'request_malformed')
    expectProblem(await ask(lenient, true), 400, 'idempotency_key_invalid')
    expect(handler.calls).toBe(0)
  })

  it('IDEM-32 is one key bare, in quotes and with space around it', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    const spellings = ['k-1', '"k-1"', '   k-1  ', '\t"k-1"\t']
    const answers: RawAnswer[] = []
    for (const key of spellings) answers.push(await rawPost(app.url, [`Idempotency-Key: ${key}`]))
    expect(answers.map((answer) => answer.status)).toEqual([201, 201, 201, 201])
    expect(answers.map((answer) => answer.headers.get('idempotent-replayed'))).toEqual([
      null,
      'true',
      'true',
      'true',
    ])
    expect(handler.calls).toBe(1)
  })

  it('IDEM-32 is another key in another case, and with an escaped quote', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    for (const key of ['k-1', 'K-1', '"k\\"1"', '"k\\\\1"']) {
      await rawPost(app.url, [`Idempotency-Key: ${key}`])
    }
    expect(handler.calls).toBe(4)
  })
})

describe('a body on the wire', () => {
  it('IDEM-46 is refused over the limit, also where a key is optional, and the key stays free', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler, {
      payloadMaxBytes: 1_024,
      route: { required: false },
    })
    const lines = ['Idempotency-Key: k1']
    // `{"body":{"n":"…"}}` is what is compared: 17 bytes beside the text.
    const body = (length: number) => JSON.stringify({ n: 'x'.repeat(length) })
    const over = await rawPost(app.url, lines, body(1_024 - 16))
    expectProblem(over, 413, 'idempotency_request_too_large')
    expect(handler.calls).toBe(0)
    expect((await rawPost(app.url, lines, body(1_024 - 17))).status).toBe(201)
  })

  it('IDEM-46 is refused when it is nested too deep', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    const deep = `${'['.repeat(300)}${']'.repeat(300)}`
    const answer = await rawPost(app.url, ['Idempotency-Key: k1'], deep)
    expectProblem(answer, 413, 'idempotency_request_too_large')
    expect(handler.calls).toBe(0)
  })
})

describe('answerMalformedRequests', () => {
  const serve = async (): Promise<{ url: string; calls: () => number } & AsyncDisposable> => {
    const handler = countingHandler()
    const idempotency = createIdempotency({ store: isolatedStore(), scope: () => 'ada' })
    const app = express().post('/', express.json(), idempotent(idempotency), handler)
    app.post('/begun', (_req, res) => void res.write('half'))
    const server = http.createServer(app).listen(0, '127.0.0.1')
    answerMalformedRequests(server)
    await once(server, 'listening')
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      calls: () => handler.calls,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections()
        server.close()
        await once(server, 'close')
      },
    }
  }

  it('IDEM-32 refuses a key that is larger than all headers may be', async () => {
    await using server = await serve()
    const answer = await rawPost(server.url, [`Idempotency-Key: ${'k'.repeat(20_000)}`])
    expectProblem(answer, 431, 'request_malformed')
    expect(server.calls()).toBe(0)
  })

  it('IDEM-32 refuses a key with a line feed in it', async () => {
    await using server = await serve()
    const answer = await rawPost(server.url, ['Idempotency-Key: k\n1'])
    expectProblem(answer, 400, 'request_malformed')
    expect(server.calls()).toBe(0)
  })

  it('adds nothing to a response that has begun', async () => {
    await using server = await serve()
    const { hostname, port } = new URL(server.url)
    const socket = net.connect(Number(port), hostname)
    let answer = ''
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString()))
    socket.on('error', () => undefined)
    socket.write('POST /begun HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
    await waitFor(() => answer.includes('half'))
    socket.write('POST /\u0001 nonsense\r\n\r\n')
    await once(socket, 'close')
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })

  it('leaves other requests alone', async () => {
    await using server = await serve()
    expect((await rawPost(server.url, ['Idempotency-Key: k1'])).status).toBe(201)
  })
})
