// Ways in which an answer could have handed a key, whose effect may have begun, to a second
// execution, or could have told its client something else than what is stored. Real HTTP, real Redis.
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { IdempotencyError } from '../src/index.ts'
import { getIdempotency, idempotencyProblems } from '../src/express/index.ts'
import { countingHandler, serveProtected } from './support/protected-app.ts'
import { isolatedStore } from './support/redis.ts'
import { storeWith } from './support/store-with.ts'

describe('an effect that has begun', () => {
  it('IDEM-06 IDEM-07 is not executed again after its lost claim is answered with 409', async () => {
    let charges = 0
    await using app = await serveProtected(
      async (req, res) => {
        const context = getIdempotency(req)!
        charges += 1
        if (!context.signal.aborted) await once(context.signal, 'abort')
        await context.step('note', () => 'charged')
        res.status(201).end()
      },
      { executionMaxMs: 1_000, leaseMs: 300, onError: idempotencyProblems() },
    )
    expect((await app.send({ key: 'k1' })).json().code).toBe('idempotency_in_progress')
    expect((await app.send({ key: 'k1' })).json().code).toBe('idempotency_indeterminate')
    expect(charges).toBe(1)
    expect(app.seen()).toEqual(['claimed', 'lease_lost', 'abandoned', 'indeterminate'])
  })

  it('IDEM-06 IDEM-07 is not executed after a recovery that lost its claim, beside the next one', async () => {
    let calls = 0
    await using app = await serveProtected(
      (_req, res) => {
        calls += 1
        res.sendStatus(500)
      },
      {
        executionMaxMs: 1_000,
        leaseMs: 300,
        onIndeterminate: async ({ signal }) => {
          if (!signal.aborted) await once(signal, 'abort')
          return { outcome: 'execute' }
        },
      },
    )
    await app.send({ key: 'k1' })
    expect((await app.send({ key: 'k1' })).json().code).toBe('idempotency_indeterminate')
    expect(calls).toBe(1)
  })

  it('IDEM-06 may still be given up by a handler that says so after it lost its claim', async () => {
    await using app = await serveProtected(
      async (req, res) => {
        const context = getIdempotency(req)!
        if (!context.signal.aborted) await once(context.signal, 'abort')
        context.setOutcome('release')
        res.status(503).end()
      },
      { executionMaxMs: 1_000, leaseMs: 300 },
    )
    await app.send({ key: 'k1' })
    expect(app.seen()).toEqual(['claimed', 'lease_lost', 'released'])
  })

  it('IDEM-39 is never answered with "nothing was executed" when a step could not be recorded', async () => {
    const down = new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', 'full')
    const store = storeWith(isolatedStore(), { checkpoint: () => Promise.reject(down) })
    const charged: string[] = []
    await using app = await serveProtected(
      async (req, res) => {
        await getIdempotency(req)!.step('charge', () => charged.push('once'))
        res.status(201).end()
      },
      { store, onError: idempotencyProblems() },
    )
    const { status, text } = await app.send({ key: 'k1' })
    expect(status).toBe(500)
    expect(text).not.toMatch(/nothing was executed|idempotency_store_unavailable/i)
    expect((await app.send({ key: 'k1' })).json().code).toBe('idempotency_indeterminate')
    expect(charged).toEqual(['once'])
  })

  it('IDEM-25 is not released by a 409 after the commit point that the handler has called', async () => {
    let charges = 0
    await using app = await serveProtected(
      async (req, res) => {
        await getIdempotency(req)!.commitPoint()
        charges += 1
        res.sendStatus(409)
      },
      { commitPoint: 'explicit' },
    )
    await app.send({ key: 'k1' })
    expect((await app.send({ key: 'k1' })).json().code).toBe('idempotency_indeterminate')
    expect(charges).toBe(1)
  })

  it('IDEM-25 is stored with the status that was sent, not with one set too late', async () => {
    await using app = await serveProtected((_req, res) => {
      res.writeHead(201)
      res.write('paid')
      res.statusCode = 429
      res.end()
    })
    const first = await app.send({ key: 'k1' })
    const second = await app.send({ key: 'k1' })
    expect([first.status, second.status]).toEqual([201, 201])
    expect(second.headers['idempotent-replayed']).toBe('true')
  })
})

describe('methods', () => {
  it('protects a method that is written in lower case', async () => {
    const handler = countingHandler()
    await using app = await serveProtected(handler, { route: { methods: ['post'] } })
    await app.send({ key: 'k1' })
    expect((await app.send({ key: 'k1' })).headers['idempotent-replayed']).toBe('true')
    expect(handler.calls).toBe(1)
  })
})
