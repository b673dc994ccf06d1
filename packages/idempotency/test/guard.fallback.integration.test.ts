// Redis goes away, comes back empty, or forgets in between, and the guard alone decides. Real HTTP, a
// Redis of its own that is killed, real PostgreSQL. Effects are rows without any other protection.
import { startRedis, waitFor } from '@payflow/testkit'
import type { Server, TestDatabase } from '@payflow/testkit'
import type { RequestHandler } from 'express'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { presets } from '../src/index.ts'
import type { IdempotencyError } from '../src/index.ts'
import { getIdempotency, idempotencyProblems } from '../src/express/index.ts'
import { guard } from '../src/postgres/index.ts'
import { redisStore } from '../src/redis/index.ts'
import { gate } from './support/gate.ts'
import type { Gate } from './support/gate.ts'
import { effectsOf, guardedDatabase, pay } from './support/guarded.ts'
import { serveProtected } from './support/protected-app.ts'
import type { ProtectedApp } from './support/protected-app.ts'
import { connect } from './support/redis.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await guardedDatabase()
})
afterAll(() => database.dispose())

let redis: Server
beforeEach(async () => {
  redis = await startRedis()
})
afterEach(() => redis.stop())

/** A route that pays under the guard; held inside the transaction if there is a door. */
async function servePayments(door?: Gate, policy = presets.guarded): Promise<ProtectedApp> {
  const handler: RequestHandler = async (req, res) => {
    const context = getIdempotency(req)!
    const paid = await database.db.transaction().execute((trx) =>
      guard(trx, context, async () => {
        const effect = await pay(trx, context.key, req.body?.amount)
        await door?.pass()
        return effect
      }),
    )
    res.status(201).json(paid.value)
  }
  const client = connect(redis.url, { retryStrategy: () => 50 })
  const store = redisStore({ client, deadlineMs: 250 })
  return serveProtected(handler, { store, ...policy, onError: idempotencyProblems() })
}

/** Sends until Redis protects the request again, as after a restart. */
async function protectedAgain(app: ProtectedApp, key: string): Promise<string> {
  return waitFor(async () => {
    const answer = await app.send({ key })
    return answer.headers['idempotency-degraded'] === undefined ? answer.text : undefined
  })
}

describe('a guarded route', () => {
  it('IDEM-13 IDEM-16 pays once while Redis is down, and gives the retry the same answer', async () => {
    await using app = await servePayments()
    await redis.kill()
    const first = await app.send({ key: 'down' })
    const second = await app.send({ key: 'down' })
    expect([first.status, first.headers['idempotency-degraded']]).toEqual([201, 'true'])
    expect(second.text).toBe(first.text)
    await redis.start()
    expect(await protectedAgain(app, 'down')).toBe(first.text)
    const replay = await app.send({ key: 'down' })
    expect([replay.headers['idempotent-replayed'], replay.text]).toEqual(['true', first.text])
    expect(await effectsOf(database.db, 'down')).toBe(1)
  })

  it('IDEM-01 IDEM-16 pays once when many equal requests come at once and Redis is down', async () => {
    await using app = await servePayments()
    await redis.kill()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => app.send({ key: 'at-once' })),
    )
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(answers[0]!.status).toBe(201)
    expect(await effectsOf(database.db, 'at-once')).toBe(1)
  })

  it('IDEM-12 IDEM-16 pays once when Redis dies between the claim and the answer', async () => {
    const door = gate()
    await using app = await servePayments(door)
    const first = app.send({ key: 'between' })
    await door.reached
    await redis.kill()
    const second = app.send({ key: 'between' })
    door.open()
    expect((await first).status).toBe(201)
    expect((await second).text).toBe((await first).text)
    expect((await second).headers['idempotency-degraded']).toBe('true')
    expect(await effectsOf(database.db, 'between')).toBe(1)
  })

  it('IDEM-16 IDEM-39 pays once when Redis is flushed in the middle, and again afterwards', async () => {
    const door = gate()
    const client = connect(redis.url)
    await using app = await servePayments(door)
    const first = app.send({ key: 'flushed' })
    await door.reached
    await client.flushall()
    const second = app.send({ key: 'flushed' })
    await waitFor(() => app.seen().filter((type) => type === 'claimed').length === 2)
    door.open()
    const { text } = await first
    expect((await second).text).toBe(text)
    await client.flushall()
    expect((await app.send({ key: 'flushed' })).text).toBe(text)
    expect(app.seen().filter((type) => type === 'claimed')).toHaveLength(3)
    expect(await effectsOf(database.db, 'flushed')).toBe(1)
  })

  it('IDEM-03 answers 422 to another body after Redis forgot, and still knows the first', async () => {
    await using app = await servePayments()
    const first = await app.send({ key: 'reused', body: { amount: 1 } })
    await connect(redis.url).flushall()
    const other = await app.send({ key: 'reused', body: { amount: 2 } })
    expect([other.status, other.headers['content-type']]).toEqual([
      422,
      'application/problem+json; charset=utf-8',
    ])
    expect(other.json()).toMatchObject({ code: 'idempotency_key_reused', retryable: false })
    expect((await app.send({ key: 'reused', body: { amount: 1 } })).text).toBe(first.text)
    expect(await effectsOf(database.db, 'reused')).toBe(1)
  })

  it('executes nothing while Redis is down if the rules say so', async () => {
    await using app = await servePayments(undefined, presets.payments)
    await redis.kill()
    expect((await app.send({ key: 'closed' })).json().code).toBe('idempotency_store_unavailable')
    expect(await effectsOf(database.db, 'closed')).toBe(0)
  })
})

describe('idempotencyProblems', () => {
  it.each([
    ['replaced', 409, 'idempotency_in_progress'],
    ['gone', 503, 'idempotency_store_unavailable'],
  ])('answers a commit point whose claim is %s with %i', async (how, status, code) => {
    const client = connect(redis.url)
    const handler: RequestHandler = async (req, res) => {
      await (how === 'gone' ? redis.kill() : client.flushall())
      await getIdempotency(req)!.commitPoint()
      res.sendStatus(201)
    }
    const store = redisStore({ client: connect(redis.url), deadlineMs: 250 })
    const policy = { ...presets.payments, commitPoint: 'explicit' } as const
    const onError = idempotencyProblems()
    await using app = await serveProtected(handler, { store, ...policy, onError })
    const answer = await app.send({ key: 'commit' })
    expect([answer.status, answer.headers['retry-after'], answer.json().code]).toEqual([
      status,
      '1',
      code,
    ])
  })

  it('leaves every other error to the next handler', async () => {
    const handler: RequestHandler = async () => {
      await guard({} as any, undefined, () => Promise.resolve())
    }
    const codes: (IdempotencyError['code'] | undefined)[] = []
    const problems = idempotencyProblems()
    await using app = await serveProtected(handler, {
      onError: (error, req, res, next) =>
        problems(error, req, res, (left: any) => {
          codes.push(left.code)
          next(left)
        }),
    })
    expect((await app.send({ key: 'other' })).status).toBe(500)
    expect(codes).toEqual(['IDEMPOTENCY_OPTIONS_INVALID'])
  })
})
