// PostgreSQL of both services goes and comes: nobody sees a 500, and a key still pays once.
import { randomUUID } from 'node:crypto'
import { expectProblem, send } from '@payflow-app/testing'
import { startPostgres, waitFor, type Server } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

let postgres: Server
let payments: Payments
let ada: User
let bob: User

beforeAll(async () => {
  postgres = await startPostgres()
  payments = await Payments.start({ postgresUrl: postgres.url })
  const [first, second] = await payments.users(2)
  if (!first || !second) throw new Error('two were asked for')
  ada = first
  bob = second
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
  await postgres.stop()
})

async function readiness(): Promise<number> {
  return (await send(`${payments.transaction.url}/health/ready`)).status
}

describe('without PostgreSQL', () => {
  it('answers 503 with Retry-After and is not ready, but lives', async () => {
    await postgres.kill()
    const answers = await Promise.all([
      payments.pay(ada, bob),
      payments.get(ada, '/transactions'),
      payments.get(ada, `/transactions/${randomUUID()}`),
      send(`${payments.wallet.url}/wallets/${ada.id}`, { token: ada.token }),
    ])
    for (const answer of answers) {
      expectProblem(answer, 503, 'service_unavailable')
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    }
    expect(await readiness()).toBe(503)
    const { url } = payments.transaction
    expect(await send(`${url}/health/live`)).toMatchObject({ status: 200 })
    expect(await send(`${url}/metrics`)).toMatchObject({ status: 200 })
  })

  it('starts, and works as soon as PostgreSQL is back', async () => {
    await payments.transaction.restart()
    expect(await readiness()).toBe(503)
    await postgres.start()
    await waitFor(async () => (await readiness()) === 200)
    expect(await payments.pay(ada, bob)).toMatchObject({ status: 202 })
  })

  it('pays once when the server dies amid twins', async () => {
    const key = randomUUID()
    const twins = () =>
      Promise.all(Array.from({ length: 10 }, () => payments.pay(ada, bob, key, { amount: 7 })))
    const before = await payments.balance(ada)
    const storm = twins()
    await postgres.kill()
    const during = await storm
    await postgres.start()
    await waitFor(async () => (await readiness()) === 200)

    const ids = new Set((await twins()).map(({ body }) => body.id))

    expect(ids).toHaveLength(1)
    for (const answer of during) {
      expect([202, 503, 504]).toContain(answer.status)
      expect(ids).toContain(answer.body.id ?? [...ids][0])
    }
    expect((await payments.balance(ada)).pending).toBe(before.pending + 7)
    expect(await payments.stored(ada)).toEqual({ claims: 2, payments: 2, messages: 2 })
    await payments.audit()
  })
})
