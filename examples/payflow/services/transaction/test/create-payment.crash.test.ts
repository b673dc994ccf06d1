// transaction-service is killed at each point between claim, hold and row; the user's client sends
// the same request with the same key again.
import { randomUUID } from 'node:crypto'
import { randomInteger } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

let payments: Payments

beforeAll(async () => {
  payments = await Payments.start()
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
})

const points = [
  { probe: 'payment.claimed', when: 'after the claim', pending: 0, written: 0 },
  { probe: 'payment.held', when: 'after the hold', pending: 5_000, written: 0 },
  { probe: 'payment.written', when: 'after the commit', pending: 5_000, written: 1 },
]

describe('POST /transactions', () => {
  it.each(points)('pays once when killed $when', async ({ probe, pending, written }) => {
    const [from, to] = await pair()
    const key = randomUUID()
    const { child } = payments.transaction
    await child.arm(probe, 'kill')

    await expect(payments.pay(from, to, key)).rejects.toThrow('fetch failed')
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
    expect(await payments.balance(from)).toMatchObject({ balance: 100_000, pending })
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: written, messages: written })
    const claimed = await paymentIdOf(from)
    await payments.transaction.start()

    for (let round = 0; round < 2; round += 1) {
      expect(await payments.pay(from, to, key)).toMatchObject({
        status: 202,
        body: { id: claimed },
      })
    }
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 1, messages: 1 })
    expect(await payments.balance(from)).toMatchObject({ balance: 100_000, pending: 5_000 })
    await payments.audit()
  })

  it.each(points)('pays once when killed $when amid ten twins', async ({ probe }) => {
    const [from, to] = await pair()
    const key = randomUUID()
    const twins = () => Array.from({ length: 10 }, () => payments.pay(from, to, key))
    const { child } = payments.transaction
    // Only the first twin is certain to write; how many claim or hold before it has is chance.
    const skip = probe === 'payment.written' ? 0 : randomInteger(0, 3)
    await child.arm(probe, 'kill', { skip })

    await Promise.allSettled(twins())
    await child.kill()
    await payments.transaction.start()
    const answers = await Promise.all(twins())

    const id = await paymentIdOf(from)
    for (const answer of answers) expect(answer).toMatchObject({ status: 202, body: { id } })
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 1, messages: 1 })
    expect(await payments.balance(from)).toMatchObject({ balance: 100_000, pending: 5_000 })
    await payments.audit()
  })

  it('blocks no money of a refused payment, though a twin is killed with the hold in hand', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    const { child } = payments.transaction
    const blocker = await payments.pay(from, to, randomUUID(), { amount: 100_000 })
    await child.arm('payment.refused', 'stop')
    const refused = payments.pay(from, to, key)
    await child.reached('payment.refused')
    await payments.release(blocker.body.id)
    await child.arm('payment.held', 'stop')
    const twin = payments.pay(from, to, key)
    twin.catch(() => undefined)
    await child.reached('payment.held')
    child.go('payment.refused')
    expect(await refused).toMatchObject({ status: 422, body: { code: 'insufficient_funds' } })
    await child.kill()

    await payments.transaction.start()
    expect(await payments.pay(from, to, key)).toMatchObject({ status: 422 })
    expect(await payments.balance(from)).toMatchObject({ available: 100_000, pending: 0 })
    await payments.audit()
  })

  it('finishes what it has begun when asked to stop', async () => {
    const [from, to] = await pair()
    const { child, url } = payments.transaction
    await child.arm('payment.held', 'stop')
    const answer = payments.pay(from, to)
    await child.reached('payment.held')
    const exited = child.kill('SIGTERM')
    await expect.poll(() => fetch(`${url}/health/live`).catch(() => 'refused')).toBe('refused')
    child.go('payment.held')
    expect(await answer).toMatchObject({ status: 202 })
    expect(await exited).toMatchObject({ code: 0 })
    await payments.transaction.start()
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 1, messages: 1 })
  })
})

async function pair(): Promise<[User, User]> {
  const [from, to] = await payments.users(2)
  if (!from || !to) throw new Error('two were asked for')
  return [from, to]
}

async function paymentIdOf(user: User): Promise<string> {
  const claim = await payments.database.db
    .selectFrom('payment_claims')
    .select('payment_id')
    .where('user_id', '=', user.id)
    .executeTakeFirstOrThrow()
  return claim['payment_id']
}
