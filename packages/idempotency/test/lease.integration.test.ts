// Leases: renewed while a handler works, lost when they must be. Real HTTP, real Redis.
import { randomBytes } from 'node:crypto'
import { startRedis, waitFor } from '@payflow/testkit'
import type { Request, RequestHandler } from 'express'
import { describe, expect, it } from 'vitest'
import { createIdempotency, IdempotencyError, presets } from '../src/index.ts'
import type { ClaimRequest, IdempotencyContext, IdempotencyStore } from '../src/index.ts'
import { getIdempotency } from '../src/express/index.ts'
import { gate } from './support/gate.ts'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import { connect, isolatedStore } from './support/redis.ts'
import { storeWith } from './support/store-with.ts'

/** Lets a test see the ids that a store is asked for, and hold its renewals back. */
interface Observed extends IdempotencyStore {
  readonly claims: ClaimRequest[]
  readonly renewedIds: string[]
  renewals: number
  isRenewing: boolean
}

function observed(store: IdempotencyStore): Observed {
  const seen: Observed = Object.assign(
    storeWith(store, {
      async claim(request) {
        seen.claims.push(request)
        return store.claim(request)
      },
      async renew(handle, lease) {
        seen.renewedIds.push(handle.id)
        if (!seen.isRenewing) throw new Error('the connection of this process is cut')
        const result = await store.renew(handle, lease)
        seen.renewals += 1
        return result
      },
    }),
    { claims: [], renewedIds: [], renewals: 0, isRenewing: true },
  )
  return seen
}

describe('the lease', () => {
  it('IDEM-07 is renewed while the handler outlives it, and duplicates get 409 throughout', async () => {
    const store = observed(isolatedStore())
    const door = gate()
    let calls = 0
    await using app = await serveProtected(
      async (_req, res) => {
        calls += 1
        await door.pass()
        res.status(201).json({ calls })
      },
      { store, leaseMs: 300 },
    )
    const first = app.send({ key: 'k1' })
    await door.reached
    const statuses: number[] = []
    // Twelve renewals are four leases.
    await waitFor(async () => {
      statuses.push((await app.send({ key: 'k1' })).status)
      return store.renewals >= 12
    })
    expect(new Set(statuses)).toEqual(new Set([409]))
    door.open()
    expect((await first).status).toBe(201)
    expect((await app.send({ key: 'k1' })).headers['idempotent-replayed']).toBe('true')
    expect(calls).toBe(1)
    expect(app.seen()).not.toContain('lease_lost')
  })

  it('is not renewed any more once the handler has ended', async () => {
    const store = observed(isolatedStore())
    await using app = await serveProtected((_req, res) => void res.end(), { store, leaseMs: 60 })
    await app.send({ key: 'k1' })
    await app.send({ key: 'k2' })
    // One that lasts for several leases, to see whether the others are renewed meanwhile.
    await using slow = await serveProtected(
      async (_req, res) => {
        await waitFor(() => store.renewals >= 6)
        res.end()
      },
      { store, leaseMs: 60 },
    )
    await slow.send({ key: 'k3' })
    expect(new Set(store.renewedIds)).toEqual(new Set([store.claims[2]!.id]))
  })

  it('IDEM-08 is lost to a new owner, whose result stays; the old client gets its own answer', async () => {
    const old = { store: observed(isolatedStore()), door: gate() }
    const contexts: IdempotencyContext[] = []
    const handler: RequestHandler = async (req, res) => {
      const context = getIdempotency(req)!
      contexts.push(context)
      if (context.attempt === 1) await old.door.pass()
      res.status(201).json({ attempt: context.attempt })
    }
    const policy = { ...presets.convenience, leaseMs: 90 }
    await using app = await serveProtected(handler, { store: old.store, ...policy })
    const first = app.send({ key: 'k1' })
    await old.door.reached
    old.store.isRenewing = false
    const second = await waitFor(async () => {
      const answer = await app.send({ key: 'k1' })
      return answer.status === 201 ? answer : undefined
    })
    expect(second.json()).toEqual({ attempt: 2 })
    old.door.open()
    expect((await first).json()).toEqual({ attempt: 1 })
    const replay = await app.send({ key: 'k1' })
    expect([replay.headers['idempotent-replayed'], replay.json()]).toEqual(['true', { attempt: 2 }])
    expect(contexts[1]!.fence).toBeGreaterThan(contexts[0]!.fence)
    expect(app.seen().filter((type) => type === 'lease_lost')).toHaveLength(1)
  })

  it('IDEM-08 aborts the signal of an owner that was replaced', async () => {
    const store = isolatedStore()
    const watched = observed(store)
    const door = gate()
    let context: IdempotencyContext | undefined
    await using app = await serveProtected(
      async (req, res) => {
        context = getIdempotency(req)
        const { signal } = context!
        const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
        await door.pass()
        await aborted
        res.status(201).end()
      },
      { store: watched, leaseMs: 90, ...presets.convenience },
    )
    const first = app.send({ key: 'k1' })
    await door.reached
    const [request] = watched.claims
    // Somebody else finishes the record: the record of this owner is taken away under its feet.
    await store.release({ ...request!, fence: 0, attempt: 1 })
    await store.claim({ ...request!, token: randomBytes(16), leaseMs: 60_000 })
    door.open()
    await first
    expect(context!.signal.aborted).toBe(true)
    expect(context!.signal.reason).toMatchObject({ code: 'IDEMPOTENCY_LEASE_LOST' })
    const lost = app.events.find((event) => event.type === 'lease_lost')
    expect(lost).toMatchObject({ reason: 'replaced', attempt: 1 })
  })

  it('IDEM-09 stays with the new owner when the old one throws', async () => {
    const store = observed(isolatedStore())
    const door = gate()
    const secondDoor = gate()
    await using app = await serveProtected(
      async (req, res) => {
        if (getIdempotency(req)!.attempt === 1) {
          await door.pass()
          throw new Error('late')
        }
        await secondDoor.pass()
        res.status(201).end()
      },
      {
        store,
        ...presets.convenience,
        leaseMs: 90,
        onError: (_error, _req, res, _next) => void res.sendStatus(500),
      },
    )
    const first = app.send({ key: 'k1' })
    await door.reached
    store.isRenewing = false
    const others: Promise<unknown>[] = []
    const knock = setInterval(() => others.push(app.send({ key: 'k1' })), 30)
    await secondDoor.reached
    clearInterval(knock)
    store.isRenewing = true
    await waitFor(() => store.renewals > 0)
    door.open()
    expect((await first).status).toBe(500)
    expect((await app.send({ key: 'k1' })).status).toBe(409)
    secondDoor.open()
    await Promise.all(others)
    expect((await app.send({ key: 'k1' })).headers['idempotent-replayed']).toBe('true')
  })

  it('is given up when the store cannot be reached for a whole lease', async () => {
    const store = observed(isolatedStore())
    const aborted = Promise.withResolvers<unknown>()
    await using app = await serveProtected(
      async (req, res) => {
        const { signal } = getIdempotency(req)!
        store.isRenewing = false
        signal.addEventListener('abort', () => aborted.resolve(signal.reason))
        await aborted.promise
        res.status(201).end()
      },
      { store, leaseMs: 90 },
    )
    await app.send({ key: 'k1' })
    expect(await aborted.promise).toMatchObject({ code: 'IDEMPOTENCY_LEASE_LOST' })
    expect(app.events.find((event) => event.type === 'lease_lost')).toMatchObject({
      reason: 'unreachable',
    })
    // Nobody took the key over, so what was done is still recorded.
    expect((await app.send({ key: 'k1' })).headers['idempotent-replayed']).toBe('true')
  })

  it('ends for a handler that never does, after executionMaxMs', async () => {
    const door = gate()
    await using app = await serveProtected(
      async (_req, res) => {
        await door.pass()
        res.end()
      },
      { leaseMs: 600, executionMaxMs: 1_000 },
    )
    const first = app.send({ key: 'k1' })
    await door.reached
    await waitFor(async () => {
      const { status, headers } = await app.send({ key: 'k1' })
      return status === 409 && headers['retry-after'] === undefined
    })
    expect(app.events).toContainEqual(expect.objectContaining({ reason: 'overdue' }))
    door.open()
    await first
  })

  it('commitPoint() refuses an owner that was replaced, so that its effect never begins', async () => {
    const store = isolatedStore()
    const watched = observed(store)
    let effects = 0
    await using app = await serveProtected(
      async (req, res) => {
        const [request] = watched.claims
        await store.release({ ...request!, fence: 0, attempt: 1 })
        await store.claim({ ...request!, token: randomBytes(16) })
        await getIdempotency(req)!.commitPoint()
        effects += 1
        res.end()
      },
      {
        store: watched,
        commitPoint: 'explicit',
        onError: (error, _req, res, _next) => {
          res.status(500).json({ code: IdempotencyError.is(error) ? error.code : 'other' })
        },
      },
    )
    expect((await app.send({ key: 'k1' })).json()).toEqual({ code: 'IDEMPOTENCY_LEASE_LOST' })
    expect(effects).toBe(0)
  })
})

describe('with Redis down', () => {
  it('IDEM-13 answers 503 with Retry-After and executes nothing', async () => {
    await using server = await privateRedis()
    let calls = 0
    await using app = await serveProtected(
      (_req, res) => {
        calls += 1
        res.end()
      },
      { store: isolatedStore({ client: server.client, deadlineMs: 2_000 }) },
    )
    await app.send({ key: 'k1' })
    server.redis.freeze()
    // Redis says nothing before it is resumed: it is the deadline that ends this.
    const answer = await app.send({ key: 'k2' })
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1'])
    expect(answer.json()).toMatchObject({
      type: 'https://payflow.dev/problems/idempotency-store-unavailable',
      retryable: true,
    })
    expect(calls).toBe(1)
    server.redis.resume()
    await waitFor(async () => (await app.send({ key: 'k2' })).status === 200)
  })

  it("IDEM-13 goes on and says so, where the rules say so (onStoreFailure: 'open')", async () => {
    await using server = await privateRedis()
    const degraded: boolean[] = []
    await using app = await serveProtected(
      async (req, res) => {
        const context = getIdempotency(req as Request)!
        await context.commitPoint()
        degraded.push(context.degraded)
        res.status(202).json({ key: context.key })
      },
      {
        store: isolatedStore({ client: server.client, deadlineMs: 2_000 }),
        route: { onStoreFailure: 'open' },
      },
    )
    await app.send({ key: 'k1' })
    await server.redis.kill()
    const answer = await app.send({ key: 'k2' })
    expect([answer.status, answer.json()]).toEqual([202, { key: 'k2' }])
    expect(answer.headers['idempotency-degraded']).toBe('true')
    expect(degraded).toEqual([false, true])
    expect(app.events.at(-1)).toMatchObject({ type: 'store_failed', degraded: true })
  })

  it("IDEM-13 IDEM-38 takes an unreadable record for a store that failed (onStoreFailure: 'open')", async () => {
    const client = connect()
    const store = isolatedStore({ client })
    const handler = countingHandler()
    await using open = await serveProtected(handler, { store, route: { onStoreFailure: 'open' } })
    await using closed = await serveProtected(handler, { store })
    await open.send({ key: 'k1' })
    const [key] = await client.keys(`${store.prefix}*`)
    await client.set(key!, 'written by a newer version')
    const answer = await open.send({ key: 'k1' })
    expect([answer.status, answer.headers['idempotency-degraded']]).toEqual([201, 'true'])
    expect(open.events.at(-1)).toMatchObject({ type: 'store_failed', degraded: true })
    expect((await closed.send({ key: 'k1' })).json()).toMatchObject({
      code: 'idempotency_indeterminate',
    })
    expect(handler.calls).toBe(2)
  })

  it('IDEM-12 gives the client its answer when the completion fails, and completes later', async () => {
    await using server = await privateRedis()
    const store = isolatedStore({ client: server.client, deadlineMs: 2_000 })
    let calls = 0
    await using app = await serveProtected(
      (_req, res) => {
        calls += 1
        if (calls === 2) server.redis.freeze()
        res.status(201).json({ calls })
      },
      { store },
    )
    await app.send({ key: 'warm-up' })
    const first = await app.send({ key: 'k1' })
    expect([first.status, first.json()]).toEqual([201, { calls: 2 }])
    expect(app.seen()).toContain('settle_failed')
    server.redis.resume()
    await waitFor(() => app.seen().filter((type) => type === 'completed').length === 2)
    const retry = await app.send({ key: 'k1' })
    expect([retry.headers['idempotent-replayed'], retry.json()]).toEqual(['true', { calls: 2 }])
    expect(calls).toBe(2)
  })
})

async function privateRedis() {
  const redis = await startRedis()
  const client = connect(redis.url, { retryStrategy: () => 50 })
  return {
    redis,
    client,
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await redis.stop()
    },
  }
}

it('needs no store connection to be configured', () => {
  expect(createIdempotency({ store: isolatedStore(), scope: () => 'ada' }).policy.leaseMs).toBe(
    15_000,
  )
})
