// Whatever a handler does to its response, the replay is the same bytes. Real HTTP, real Redis.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { idempotent } from '../src/express/index.ts'
import type { WireResponse } from './support/http.ts'
import { serveProtected } from './support/protected-app.ts'

const thisFile = fileURLToPath(import.meta.url)
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** Of one exchange only. A replay is one piece, of known length, and serves no ranges. */
const exchangeHeaders = new Set([
  'accept-ranges',
  'connection',
  'content-length',
  'date',
  'idempotent-replayed',
  'keep-alive',
  'transfer-encoding',
])

function contentHeaders({ headers }: WireResponse): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !exchangeHeaders.has(name)))
}

/** Sends twice; expects one execution and the same answer. */
async function replayOf(handler: RequestHandler): Promise<[WireResponse, WireResponse]> {
  let calls = 0
  const counted: RequestHandler = (req, res, next) => {
    calls += 1
    return handler(req, res, next)
  }
  await using app = await serveProtected(counted)
  const first = await app.send({ key: 'k1' })
  const second = await app.send({ key: 'k1' })
  expect(calls).toBe(1)
  expect(second.headers['idempotent-replayed']).toBe('true')
  expect(second.status).toBe(first.status)
  expect(sha(second.body)).toBe(sha(first.body))
  expect(contentHeaders(second)).toEqual(contentHeaders(first))
  return [first, second]
}

describe('replays byte for byte', () => {
  it('IDEM-20 a body that is no text', async () => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * 31) % 256))
    const [first] = await replayOf((_req, res) => void res.type('bin').send(bytes))
    expect(first.body.equals(bytes)).toBe(true)
  })

  it('IDEM-20 a body that the handler compressed, with its encoding', async () => {
    const zipped = gzipSync('paid '.repeat(100))
    const [, second] = await replayOf((_req, res) => {
      res.set({ 'Content-Encoding': 'gzip', 'Content-Type': 'text/plain' }).end(zipped)
    })
    expect(second.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(second.body).toString()).toBe('paid '.repeat(100))
  })

  it('IDEM-20 text that is no valid UTF-8, and strings in other encodings', async () => {
    const [first] = await replayOf((_req, res) => {
      res.write('\u00e9', 'latin1')
      res.write('ff00', 'hex')
      res.end('é')
    })
    expect(first.body.toString('hex')).toBe('e9ff00c3a9')
  })

  it('IDEM-21 several writes and an end', async () => {
    const [first] = await replayOf((_req, res) => {
      res.status(201).type('text/plain')
      res.write('one ')
      res.write(Buffer.from('two '))
      res.write('three')
      res.end()
    })
    expect([first.status, first.text]).toEqual([201, 'one two three'])
  })

  it('IDEM-21 writes whose callbacks the handler waits for', async () => {
    const [first] = await replayOf(async (_req, res) => {
      await new Promise((resolve) => res.write('one ', resolve))
      await new Promise((resolve) => res.write('two', resolve))
      await new Promise<void>((resolve) => res.end(resolve))
    })
    expect(first.text).toBe('one two')
  })

  it('IDEM-21 a buffer that the handler uses again after writing it', async () => {
    const [first] = await replayOf((_req, res) => {
      const buffer = Buffer.from('one')
      res.write(buffer)
      buffer.write('two')
      res.end(buffer)
    })
    expect(first.text).toBe('onetwo')
  })

  it('IDEM-21 a pipe', async () => {
    const [first] = await replayOf((_req, res) => void createReadStream(thisFile).pipe(res))
    expect(sha(first.body)).toBe(sha(await readFile(thisFile)))
  })

  it('IDEM-21 a pipeline', async () => {
    const parts = Array.from({ length: 20 }, (_, at) => `part ${at}\n`)
    const [first] = await replayOf((_req, res) => pipeline(Readable.from(parts), res))
    expect(first.text).toBe(parts.join(''))
  })

  it('IDEM-21 sendFile', async () => {
    const [first] = await replayOf((_req, res) => res.sendFile(thisFile))
    expect(sha(first.body)).toBe(sha(await readFile(thisFile)))
    expect(first.headers['last-modified']).toBeDefined()
  })

  it('IDEM-22 a 204', async () => {
    const [first, second] = await replayOf((_req, res) => void res.status(204).end())
    expect([first.status, second.headers['content-length']]).toEqual([204, undefined])
  })

  it('IDEM-22 a redirect with its location and body', async () => {
    const [first] = await replayOf((_req, res) => res.redirect(303, '/payments/7'))
    expect(first.headers.location).toBe('/payments/7')
    expect(first.text).not.toBe('')
  })

  it('IDEM-22 an empty 201 with a location', async () => {
    const [first] = await replayOf(
      (_req, res) => void res.status(201).location('/payments/7').end(),
    )
    expect(first.headers).toMatchObject({ location: '/payments/7', 'content-length': '0' })
  })

  it.each([[false], [0], [''], [null], [[]]])('IDEM-23 the body %j', async (value) => {
    const [first] = await replayOf((_req, res) => void res.json(value))
    expect(first.text).toBe(JSON.stringify(value))
  })

  it('writeHead with headers as an object', async () => {
    const [first] = await replayOf((_req, res) => {
      res.setHeader('Location', '/from-set-header')
      res.writeHead(202, 'Taken', { 'Content-Type': 'text/csv', Link: ['</a>', '</b>'] }).end('a,b')
    })
    expect(first.headers).toMatchObject({
      'content-type': 'text/csv',
      link: '</a>, </b>',
      location: '/from-set-header',
    })
  })

  it('writeHead with headers as a list in which a name occurs twice', async () => {
    const [first] = await replayOf((_req, res) => {
      res.writeHead(202, ['Link', '</a>', 'Link', '</b>', 'ETag', '"1"']).end()
    })
    expect(first.headers).toMatchObject({ link: '</a>, </b>', etag: '"1"' })
  })

  it('headers that the handler flushed early', async () => {
    const [first] = await replayOf((_req, res) => {
      res.status(202).type('text/plain').flushHeaders()
      setImmediate(() => res.end('taken'))
    })
    expect([first.status, first.text]).toEqual([202, 'taken'])
  })
})

describe('what a replay does not carry', () => {
  it('IDEM-31 cookies, credentials and what belongs to one exchange', async () => {
    await using app = await serveProtected((_req, res) => {
      res.cookie('session', 'secret').set('X-Trace', 't1').set('WWW-Authenticate', 'Bearer')
      res.set('Date', 'Thu, 01 Jan 1970 00:00:00 GMT').status(201).json({ ok: true })
    })
    const first = await app.send({ key: 'k1' })
    expect(first.headers['set-cookie']).toBeDefined()
    const { headers } = await app.send({ key: 'k1' })
    expect(headers['idempotent-replayed']).toBe('true')
    for (const name of ['set-cookie', 'www-authenticate', 'x-trace']) {
      expect(headers).not.toHaveProperty(name)
    }
    expect(headers.date).not.toBe('Thu, 01 Jan 1970 00:00:00 GMT')
  })

  it('IDEM-31 nor can a route ask for them', async () => {
    await using app = await serveProtected((_req, res) => void res.end())
    for (const name of ['Set-Cookie', 'authorization', 'transfer-encoding']) {
      expect(() => idempotent(app.idempotency, { headers: [name] })).toThrow(
        expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' }),
      )
    }
  })

  it('a route chooses other headers', async () => {
    await using app = await serveProtected(
      (_req, res) => void res.set('X-Payment', '7').location('/x').end(),
      { route: { headers: ['X-Payment'] } },
    )
    await app.send({ key: 'k1' })
    const { headers } = await app.send({ key: 'k1' })
    expect(headers['x-payment']).toBe('7')
    expect(headers).not.toHaveProperty('location')
  })
})

describe('a response above the limit', () => {
  const large = Buffer.alloc(5 * 1024 * 1024, 'x')

  it.each<[string, RequestHandler]>([
    ['in one end', (_req, res) => void res.location('/payments/7').end(large)],
    [
      'in many writes',
      async (_req, res) => {
        res.location('/payments/7')
        for (let at = 0; at < large.length; at += 65_536) {
          const isRoomLeft = res.write(large.subarray(at, at + 65_536))
          if (!isRoomLeft) await new Promise((resolve) => res.once('drain', resolve))
        }
        res.end()
      },
    ],
    [
      'in a pipe',
      (_req, res) => void Readable.from(chunksOf(large)).pipe(res.location('/payments/7')),
    ],
  ])(
    'IDEM-19 reaches the client whole, %s, and is never executed again',
    async (_case, handler) => {
      let calls = 0
      await using app = await serveProtected((req, res, next) => {
        calls += 1
        return handler(req, res, next)
      })
      const first = await app.send({ key: 'k1' })
      expect(sha(first.body)).toBe(sha(large))
      const retry = await app.send({ key: 'k1' })
      expect([retry.status, retry.body.length]).toEqual([200, 0])
      expect(retry.headers).toMatchObject({
        'idempotent-replayed': 'true',
        'idempotent-replay-body': 'omitted',
        location: '/payments/7',
      })
      expect(calls).toBe(1)
      expect(app.seen()).toEqual(['claimed', 'tombstoned', 'replayed'])
    },
  )
})

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 100_000) yield bytes.subarray(at, at + 100_000)
}
