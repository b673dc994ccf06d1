// What a request gets: execution, replay or refusal. Real HTTP, real Redis.
import { uniqueName, waitFor } from '@payflow/testkit'
import express from 'express'
import type { Request, RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { createIdempotency, presets } from '../src/index.ts'
import { getIdempotency, idempotent } from '../src/express/index.ts'
import { gate } from './support/gate.ts'
import { serve } from './support/http.ts'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import { isolatedStore } from './support/redis.ts'
import { storeWith } from './support/store-with.ts'

describe('the first request and its repetitions', () => {
  it('IDEM-01 executes once of fifty at the same moment, and answers 409 to the others', async () => {
    const door = gate()
    let calls = 0
    await using app = await serveProtected(async (_req, res) => {
      calls += 1
      await door.pass()
      res.status(201).json({ paid: true })
    })
    const answers: string[] = []
    const all = Array.from({ length: 50 }, async () => {
      const answer = await app.send({ key: 'k1', body: { amount: 1 } })
      answers.push(`${answer.status} ${answer.json().code ?? ''}`)
    })
    await waitFor(() => answers.length === 49)
    expect(new Set(answers)).toEqual(new Set(['409 idempotency_in_progress']))
    door.open()
    await Promise.all(all)
    expect(answers.at(-1)).toBe('201 ')
    expect(calls).toBe(1)
    expect(app.seen().filter((type) => type === 'claimed')).toHaveLength(1)
  })

  it('answers 409 in progress as a problem, with Retry-After from the remaining lease', async () => {
    const door = gate()
    await using app = await serveProtected(
      async (_req, res) => {
        await door.pass()
        res.sendStatus(204)
      },
      { leaseMs: 40_000 },
    )
    const first = app.send({ key: 'k1' })
    await door.reached
    const second = await app.send({ key: 'k1' })
    expect(second.status).toBe(409)
    expect(second.headers['content-type']).toMatch('application/problem+json')
    const retryAfterS = Number(second.headers['retry-after'])
    expect(retryAfterS).toBeGreaterThan(30)
    expect(retryAfterS).toBeLessThanOrEqual(40)
    expect(second.json()).toMatchObject({
      type: 'https://payflow.dev/problems/idempotency-in-progress',
      title: 'Request in progress',
      status: 409,
      code: 'idempotency_in_progress',
      retryable: true,
    })
    door.open()
    expect((await first).status).toBe(204)
  })

  it('IDEM-02 answers 422 to another body at once, while the first request runs', async () => {
    const door = gate()
    await using app = await serveProtected(async (_req, res) => {
      await door.pass()
      res.status(201).json({ amount: 1 })
    })
    const first = app.send({ key: 'k1', body: { amount: 1 } })
    await door.reached
    const other = await app.send({ key: 'k1', body: { amount: 2 } })
    expect(other.status).toBe(422)
    expect(other.json()).toMatchObject({
      type: 'https://payflow.dev/problems/idempotency-key-reused',
      code: 'idempotency_key_reused',
    })
    door.open()
    expect(await first).toMatchObject({ status: 201 })
  })

  it('IDEM-03 answers 422 to another body after completion, and keeps the stored response', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    const first = await app.send({ key: 'k1', body: { amount: 1 } })
    expect((await app.send({ key: 'k1', body: { amount: 2 } })).status).toBe(422)
    const replay = await app.send({ key: 'k1', body: { amount: 1 } })
    expect(replay.body.equals(first.body)).toBe(true)
    expect(replay.headers['idempotent-replayed']).toBe('true')
    expect(first.headers['idempotent-replayed']).toBeUndefined()
    expect(handler.calls).toBe(1)
  })

  it('IDEM-04 has the record when the last byte of the response has arrived', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    for (let round = 1; round <= 50; round += 1) {
      const first = await app.send({ key: `k${round}` })
      const retry = await app.send({ key: `k${round}` })
      expect([first.status, retry.status, retry.headers['idempotent-replayed']]).toEqual([
        201,
        201,
        'true',
      ])
    }
    expect(handler.calls).toBe(50)
  })

  it('IDEM-04 holds the end back also when the handler has stated the length before', async () => {
    await using app = await serveProtected((_req, res) => {
      res.writeHead(201, { 'Content-Length': '4', 'Content-Type': 'text/plain' })
      res.write('paid')
      setImmediate(() => res.end())
    })
    for (let round = 1; round <= 50; round += 1) {
      expect((await app.send({ key: `k${round}` })).text).toBe('paid')
      const retry = await app.send({ key: `k${round}` })
      expect([retry.status, retry.text]).toEqual([201, 'paid'])
    }
  })

  it.each<[string, RequestHandler]>([
    ['one end', (_req, res) => void res.status(201).json({ paid: true })],
    [
      'writes of a stated length',
      (_req, res) => {
        res.writeHead(201, { 'Content-Length': '4' })
        res.write('pa')
        res.write('id')
        res.end()
      },
    ],
  ])('IDEM-04 sends nothing before the record is written: %s', async (_case, handler) => {
    const store = isolatedStore()
    const door = gate()
    await using app = await serveProtected(handler, {
      store: storeWith(store, {
        async complete(...args) {
          await door.pass()
          return store.complete(...args)
        },
      }),
    })
    let isAnswered = false
    const { request } = app.open({ key: 'k1' })
    request.on('response', () => {
      isAnswered = true
    })
    await door.reached
    // Ten whole requests through the same server: an answer that was sent would have arrived.
    for (let round = 0; round < 10; round += 1) {
      expect((await app.send({ key: 'k1' })).status).toBe(409)
    }
    expect(isAnswered).toBe(false)
    door.open()
    await waitFor(() => isAnswered)
  })

  it('IDEM-44 never takes an equal body under another key for a repetition', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    await app.send({ key: 'k1', body: { amount: 1 } })
    expect((await app.send({ key: 'k2', body: { amount: 1 } })).json()).toEqual({ call: 2 })
  })

  it('IDEM-37 ignores the marker header when a client sends it', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    const spoofed = { headers: { 'Idempotent-Replayed': 'true', 'Idempotency-Degraded': 'true' } }
    const answer = await app.send({ key: 'k1', ...spoofed })
    expect(answer.json()).toEqual({ call: 1 })
    expect(answer.headers['idempotent-replayed']).toBeUndefined()
    expect(answer.headers['idempotency-degraded']).toBeUndefined()
  })
})

describe('the scope', () => {
  it('IDEM-28 keeps the same key of two users apart', async () => {
    await using app = await serveProtected((req, res) => {
      res.json({ for: req.get('x-user') })
    })
    const body = { amount: 1 }
    await app.send({ key: 'k1', body, headers: { 'x-user': 'ada' } })
    const bob = await app.send({ key: 'k1', body, headers: { 'x-user': 'bob' } })
    expect(bob.json()).toEqual({ for: 'bob' })
    const again = await app.send({ key: 'k1', body, headers: { 'x-user': 'ada' } })
    expect(again.json()).toEqual({ for: 'ada' })
  })

  it.each([[undefined], [''], [null], [7]])(
    'IDEM-29 fails closed when the scope function gives %j',
    async (scope) => {
      const handler = countingHandler()
      const failures: unknown[] = []
      await using app = await serveProtected(handler, {
        scope: (() => scope) as never,
        onError: (error, _req, res, _next) => {
          failures.push(error)
          res.sendStatus(500)
        },
      })
      expect((await app.send({ key: 'k1' })).status).toBe(500)
      expect(failures).toMatchObject([{ code: 'IDEMPOTENCY_SCOPE_MISSING' }])
      expect(handler.calls).toBe(0)
    },
  )

  it('shares one namespace only where that is asked for by name', async () => {
    await using app = await serveProtected(countingHandler(), { scope: 'dangerouslyGlobal' })
    await app.send({ key: 'k1', headers: { 'x-user': 'ada' } })
    const bob = await app.send({ key: 'k1', headers: { 'x-user': 'bob' } })
    expect(bob.headers['idempotent-replayed']).toBe('true')
  })
})

describe('the operation', () => {
  it('IDEM-30 takes the mount path and the exact path into account', async () => {
    const handler = countingHandler()
    const idempotency = createIdempotency({
      store: isolatedStore(),
      scope: () => 'ada',
      ...presets.payments,
    })
    await using app = await serve((server) => {
      const router = express.Router()
      router.post('/pay', idempotent(idempotency), handler)
      router.post('/pay/:to', idempotent(idempotency), handler)
      server.use('/v1', router)
      server.use('/v2', router)
    })
    const call = async (path: string): Promise<number> =>
      (await app.send({ path, key: 'k1' })).json().call
    expect(await call('/v1/pay')).toBe(1)
    expect(await call('/v2/pay')).toBe(2)
    expect(await call('/v1/pay/a%2Fb')).toBe(3)
    expect(await call('/v1/pay/a')).toBe(4)
    // The same route to Express, hence the same operation.
    expect(await call('/v1/pay/')).toBe(1)
  })

  it('IDEM-30 compares the query, whatever its order', async () => {
    await using app = await serveProtected(countingHandler())
    await app.send({ path: '/?a=1&b=2', key: 'k1' })
    expect((await app.send({ path: '/?b=2&a=1', key: 'k1' })).status).toBe(201)
    expect((await app.send({ path: '/?a=1&b=3', key: 'k1' })).status).toBe(422)
  })

  it('takes a name of its own for an operation', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler, {
      route: { operation: (req) => req.query['op'] as string, fingerprint: (req) => req.body },
    })
    await app.send({ path: '/?op=a&try=1', key: 'k1' })
    await app.send({ path: '/?op=a&try=2', key: 'k1' })
    await app.send({ path: '/?op=b', key: 'k1' })
    expect(handler.calls).toBe(2)
  })

  it('protects POST and PATCH unless told otherwise, and ignores the key elsewhere', async () => {
    const handler = countingHandler()
    const idempotency = createIdempotency({ store: isolatedStore(), scope: () => 'ada' })
    await using app = await serve((server) => {
      server.use(idempotent(idempotency))
      server.all('/', handler)
    })
    const twice = async (method: string): Promise<number> => {
      const before = handler.calls
      await app.send({ method, key: method })
      await app.send({ method, key: method })
      return handler.calls - before
    }
    expect(await twice('POST')).toBe(1)
    expect(await twice('PATCH')).toBe(1)
    expect(await twice('PUT')).toBe(2)
    expect(await twice('GET')).toBe(2)
  })

  it('does not make a request wait for itself where it is mounted twice', async () => {
    const handler = countingHandler()
    const idempotency = createIdempotency({ store: isolatedStore(), scope: () => 'ada' })
    await using app = await serve((server) => {
      server.use(express.json(), idempotent(idempotency))
      server.post('/', idempotent(idempotency), handler)
    })
    expect((await app.send({ key: 'k1' })).status).toBe(201)
    expect((await app.send({ key: 'k1' })).headers['idempotent-replayed']).toBe('true')
    expect(handler.calls).toBe(1)
  })
})

describe('the key', () => {
  it.each([
    ['is empty', ''],
    ['is longer than 255 characters', 'k'.repeat(256)],
    ['is two keys joined by a comma', 'k1,k2'],
    ['is two keys joined by a comma and a space', 'k1, k2'],
    ['contains a space', 'k 1'],
    ['contains a tab', 'k\t1'],
    ['contains a letter beyond ASCII', 'kö'],
    ['opens a quote that it does not close', '"k1'],
    ['closes a quote that it did not open', 'k1"'],
    ['has an unfinished escape', '"k1\\"'],
    ['is an empty quoted string', '""'],
  ])('IDEM-32 is refused when it %s', async (_case, key) => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    const answer = await app.send({
      headers: { 'Idempotency-Key': Buffer.from(key).toString('latin1') },
    })
    expect(answer.status).toBe(400)
    expect(answer.headers['content-type']).toMatch('application/problem+json')
    expect(answer.json()).toMatchObject({ code: 'idempotency_key_invalid', retryable: false })
    expect(handler.calls).toBe(0)
  })

  it('IDEM-32 is refused when the header comes twice', async () => {
    await using app = await serveProtected(countingHandler())
    const answer = await app.send({ headers: { 'Idempotency-Key': ['k1', 'k1'] } })
    expect(answer.json()).toMatchObject({ status: 400, code: 'idempotency_key_invalid' })
  })

  it('IDEM-32 is the same key quoted and bare', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    await app.send({ key: '8e03978e-40d5' })
    expect((await app.send({ key: '"8e03978e-40d5"' })).headers['idempotent-replayed']).toBe('true')
    expect(handler.calls).toBe(1)
  })

  it('is asked for with 400 when it is missing', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    const answer = await app.send({ body: {} })
    expect(answer.json()).toMatchObject({
      type: 'https://payflow.dev/problems/idempotency-key-missing',
      status: 400,
    })
    expect(handler.calls).toBe(0)
  })

  it('may be optional, and then protects those that send one', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler, { route: { required: false } })
    await app.send()
    await app.send()
    await app.send({ key: 'k1' })
    await app.send({ key: 'k1' })
    expect(handler.calls).toBe(3)
  })

  it('may come in a header of another name', async () => {
    await using app = await serveProtected(countingHandler(), {
      route: { header: 'X-Request-Key' },
    })
    await app.send({ headers: { 'X-Request-Key': 'k1' } })
    const retry = await app.send({ headers: { 'X-Request-Key': 'k1' } })
    expect(retry.headers['idempotent-replayed']).toBe('true')
  })
})

describe('the fingerprint', () => {
  it('IDEM-33 is fixed before the handler can change the body', async () => {
    await using app = await serveProtected((req, res) => {
      req.body.amount = 'changed'
      res.status(201).json({})
    })
    await app.send({ key: 'k1', body: { amount: 1 } })
    expect((await app.send({ key: 'k1', body: { amount: 1 } })).status).toBe(201)
  })

  it('IDEM-34 does not depend on the order of members, nor on how a number is written', async () => {
    await using app = await serveProtected(countingHandler())
    const json = (body: string) => ({
      key: 'k1',
      body,
      headers: { 'Content-Type': 'application/json' },
    })
    await app.send(json('{"amount":1,"to":{"id":"b","name":"Bob"}}'))
    const retry = await app.send(json('{ "to": {"name":"Bob","id":"b"}, "amount": 1.0 }'))
    expect(retry.headers['idempotent-replayed']).toBe('true')
    expect((await app.send(json('{"amount":2,"to":{"id":"b","name":"Bob"}}'))).status).toBe(422)
  })

  it('IDEM-34 IDEM-36 refuses a body that no parser has read, instead of taking it for empty', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler)
    const multipart = 'multipart/form-data; boundary=x'
    const headers = { 'Content-Type': multipart }
    const answer = await app.send({ key: 'k1', headers, body: '--x\r\n\r\nhello\r\n--x--' })
    expect(answer.status).toBe(415)
    expect(answer.json()).toMatchObject({ code: 'idempotency_body_unreadable' })
    expect(handler.calls).toBe(0)
  })

  it('IDEM-36 says what is wrong when the body parser comes after it', async () => {
    const failures: unknown[] = []
    const idempotency = createIdempotency({ store: isolatedStore(), scope: () => 'ada' })
    await using app = await serve((server) => {
      server.post('/', idempotent(idempotency), express.json(), countingHandler())
      server.use(((error, _req, res, _next) => {
        failures.push(error)
        res.sendStatus(500)
      }) as express.ErrorRequestHandler)
    })
    expect((await app.send({ key: 'k1', body: { amount: 1 } })).status).toBe(500)
    expect(failures).toMatchObject([{ code: 'IDEMPOTENCY_BODY_NOT_PARSED' }])
  })

  it('IDEM-46 refuses a body that is too large or too deep to be compared', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler, { payloadMaxBytes: 1_024 })
    const large = await app.send({ key: 'k1', body: { note: 'x'.repeat(2_000) } })
    expect(large.status).toBe(413)
    expect(large.json()).toMatchObject({ code: 'idempotency_request_too_large', retryable: false })
    const deep = `${'['.repeat(400)}${']'.repeat(400)}`
    const headers = { 'Content-Type': 'application/json' }
    expect((await app.send({ key: 'k2', headers, body: deep })).status).toBe(413)
    expect(handler.calls).toBe(0)
  })

  it('compares the bytes of a body that is kept raw', async () => {
    const idempotency = createIdempotency({ store: isolatedStore(), scope: () => 'ada' })
    const handler = countingHandler()
    await using app = await serve((server) => {
      server.post('/', express.raw({ type: () => true }), idempotent(idempotency), handler)
    })
    const bytes = (last: number) => ({ key: 'k1', body: Buffer.from([0, 255, 254, last]) })
    await app.send(bytes(1))
    expect((await app.send(bytes(1))).status).toBe(201)
    expect((await app.send(bytes(2))).status).toBe(422)
    expect(handler.calls).toBe(1)
  })
})

describe('getIdempotency', () => {
  it('IDEM-45 gives the handler its context, and one downstream key for all attempts', async () => {
    const store = isolatedStore()
    const contexts: unknown[] = []
    await using app = await serveProtected(
      (req, res) => {
        const context = getIdempotency(req)!
        contexts.push({
          key: context.key,
          attempt: context.attempt,
          degraded: context.degraded,
          psp: context.deriveKey('psp'),
          mail: context.deriveKey('mail'),
        })
        res.sendStatus(503)
      },
      { store, commitPoint: 'explicit' },
    )
    await app.send({ key: '"k1"' })
    await app.send({ key: 'k1' })
    const [first, second] = contexts as { psp: string; mail: string }[]
    expect(first).toMatchObject({ key: 'k1', attempt: 1, degraded: false })
    expect(second).toEqual(first)
    expect(first!.psp).not.toBe(first!.mail)
    expect(first!.psp).not.toContain('k1')
  })

  it('gives nothing where the route is not protected', async () => {
    const seen: unknown[] = []
    await using app = await serve((server) => {
      server.post('/', (req: Request, res) => {
        seen.push(getIdempotency(req))
        res.end()
      })
    })
    await app.send({ key: uniqueName('k') })
    expect(seen).toEqual([undefined])
  })
})
