// The outbox and its relay against a broker that goes and comes.
import { randomUUID } from 'node:crypto'
import { send } from '@payflow-app/testing'
import { startRabbitmq, waitFor, type Server } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

let rabbitmq: Server
let payments: Payments
let ada: User
let bob: User

beforeAll(async () => {
  rabbitmq = await startRabbitmq()
  payments = await Payments.start({ rabbitmqUrl: rabbitmq.url })
  const [first, second] = await payments.users(2)
  if (!first || !second) throw new Error('two were asked for')
  ada = first
  bob = second
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
  await rabbitmq.stop()
})

async function dispatched(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from payments where dispatched_at is not null`.execute(
    payments.database.db,
  )
  return rows[0]?.count ?? 0
}

async function metric(name: string, labels = ''): Promise<number | undefined> {
  const { body } = await send(`${payments.transaction.url}/metrics`)
  const line = (body as string)
    .split('\n')
    .find((one) => one.startsWith(`${name}{`) && one.includes(labels))
  return line === undefined ? undefined : Number(line.split(' ').at(-1))
}

describe('the outbox of transaction-service', () => {
  it('is sent at once while the broker is there, and the payment says so', async () => {
    const paid = await payments.pay(ada, bob, randomUUID(), { amount: 100 })
    await waitFor(async () => (await dispatched()) === 1)
    expect((await payments.get(ada, `/transactions/${paid.body.id}`)).body.status).toBe('PENDING')
    await waitFor(async () => (await metric('payflow_queue_depth')) === 1)
    expect(await metric('payflow_queue_band', 'band="fine"')).toBe(1)
    expect(await metric('payflow_queue_band', 'band="delayed"')).toBe(0)
    expect(await metric('payflow_messages_sent_total', 'type="payments.execute"')).toBe(1)
  })

  it('grows while the broker is away: payments are accepted all the same', async () => {
    await rabbitmq.kill()
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => payments.pay(ada, bob, randomUUID(), { amount: 100 })),
    )
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202])
    expect(await metric('payflow_outbox_pending')).toBe(5)
    expect(await metric('payflow_payments_pending')).toBe(6)
    expect(await metric('payflow_oldest_pending_seconds')).toBeGreaterThan(0)
    expect(await metric('payflow_queue_depth')).toBeUndefined()
    expect(await dispatched()).toBe(1)
    const history = await payments.get(ada, '/transactions')
    expect(history.body.items).toHaveLength(6)
    const ready = await send(`${payments.transaction.url}/health/ready`)
    expect(ready).toMatchObject({ status: 200, body: { checks: { rabbitmq: { status: 'down' } } } })
  })

  it('starts without the broker', async () => {
    await payments.transaction.restart()
    const paid = await payments.pay(ada, bob, randomUUID(), { amount: 100 })
    expect(paid.status).toBe(202)
    await waitFor(async () => (await metric('payflow_outbox_pending')) === 6)
  })

  it('is sent when the broker is back, each message once', async () => {
    await rabbitmq.start()
    await waitFor(async () => (await dispatched()) === 7, { timeoutMs: 60_000 })
    expect(await metric('payflow_outbox_pending')).toBe(0)
    await waitFor(async () => (await metric('payflow_queue_depth')) === 7)
    await payments.audit()
  })
})
