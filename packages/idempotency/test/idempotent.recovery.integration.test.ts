// Keys that somebody has to decide about: a route that recovers, an operator who resolves, a retry
// that comes too late. Real HTTP, real Redis.
import { describe, expect, it } from 'vitest'
import { getIdempotency } from '../src/express/index.ts'
import type { RecoverFunction } from '../src/index.ts'
import { serveProtected } from './support/protected-app.ts'
import type { ProtectedApp } from './support/protected-app.ts'
import { isolatedStore } from './support/redis.ts'

const receipt = { 'content-type': 'application/json', location: '/payments/p-1' }
const paid = { status: 201, headers: receipt, body: '{"id":"p-1"}' }

function expectPaid(answer: Awaited<ReturnType<ProtectedApp['send']>>): void {
  expect(answer.status).toBe(201)
  expect(answer.text).toBe('{"id":"p-1"}')
  expect(answer.headers).toMatchObject({ ...receipt, 'idempotent-replayed': 'true' })
}

describe('a key whose outcome is unknown', () => {
  it('IDEM-06 is answered by what the recover function found, and never executed', async () => {
    let calls = 0
    const asked: unknown[] = []
    const recover: RecoverFunction = ({ request, steps }) => {
      asked.push(request.body, steps.get('charge'))
      return { outcome: 'store', response: paid }
    }
    await using app = await serveProtected(
      async (req, res) => {
        calls += 1
        await getIdempotency(req)!.step('charge', () => ({ reference: 'c-1' }))
        res.status(500).json({ error: 'the connection was lost' })
      },
      { route: { onIndeterminate: recover } },
    )
    expect((await app.send({ key: 'k1', body: { amount: 5 } })).status).toBe(500)
    expectPaid(await app.send({ key: 'k1', body: { amount: 5 } }))
    expectPaid(await app.send({ key: 'k1', body: { amount: 5 } }))
    expect([calls, asked]).toEqual([1, [{ amount: 5 }, { reference: 'c-1' }]])
  })

  it('IDEM-06 is listed for operators, and answered once one of them has resolved it', async () => {
    await using app = await serveProtected((_req, res) => void res.status(500).end())
    await app.send({ key: 'k1' })
    await app.send({ key: 'k2' })
    const { records } = await listAll(app)
    expect(records).toHaveLength(2)
    const target = { name: 'POST /', key: 'k1', scope: 'ada' }
    const view = (await app.idempotency.inspect(target))!
    expect(records.map(({ id }) => id)).toContain(view.id)
    const { fence: ifFence } = view
    const done = await app.idempotency.resolve(target, { response: paid }, { ifFence })
    expect(done).toEqual({ outcome: 'done' })
    expectPaid(await app.send({ key: 'k1' }))
    expect((await app.send({ key: 'k2' })).status).toBe(409)
    expect((await listAll(app)).records).toHaveLength(1)
  })
})

describe('ctx.step', () => {
  it('IDEM-05 keeps what was done when a request fails before its commit point', async () => {
    let charges = 0
    let attempts = 0
    await using app = await serveProtected(
      async (req, res) => {
        attempts += 1
        const charge = await getIdempotency(req)!.step('charge', () => (charges += 1))
        res.status(attempts === 1 ? 503 : 201).json({ charge })
      },
      { commitPoint: 'explicit' },
    )
    expect((await app.send({ key: 'k1' })).status).toBe(503)
    const second = await app.send({ key: 'k1' })
    expect([second.status, second.json()]).toEqual([201, { charge: 1 }])
    expect((await app.send({ key: 'k1', body: { other: true } })).status).toBe(422)
  })
})

describe('a key that carries its time', () => {
  const minted = (ageMs: number): string => {
    const hex = (Date.now() - ageMs).toString(16).padStart(12, '0')
    return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
  }

  it('IDEM-42 gets 410 when its record may have been forgotten, and executes nothing', async () => {
    let calls = 0
    await using app = await serveProtected(
      (_req, res) => {
        calls += 1
        res.status(201).end()
      },
      { store: isolatedStore(), retentionMs: 60_000 },
    )
    const late = await app.send({ key: minted(61_000) })
    expect(late.status).toBe(410)
    expect(late.json()).toMatchObject({
      type: 'https://payflow.dev/problems/idempotency-key-expired',
      code: 'idempotency_key_expired',
      retryable: false,
    })
    expect(late.headers['cache-control']).toBe('no-store')
    expect(calls).toBe(0)
    expect((await app.send({ key: minted(30_000) })).status).toBe(201)
    expect(app.seen()[0]).toBe('expired')
  })
})

async function listAll({ idempotency }: ProtectedApp) {
  const records = []
  let cursor: string | undefined
  do {
    const page = await idempotency.listIndeterminate({ cursor, scanCount: 10_000 })
    records.push(...page.records)
    cursor = page.cursor
  } while (cursor !== undefined)
  return { records }
}
