// POST /transactions over real HTTP, with a real wallet-service and no broker at all: accepting a
// payment needs none.
import { randomUUID } from 'node:crypto'
import { expectProblem, RunningService, send, type Incoming } from '@payflow-app/testing'
import { waitFor } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NO_BROKER, Payments, type User } from './support/payments.ts'

let payments: Payments

beforeAll(async () => {
  payments = await Payments.start()
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
})

async function pair(): Promise<[User, User]> {
  const [from, to] = await payments.users(2)
  if (!from || !to) throw new Error('two were asked for')
  return [from, to]
}

function isReplay(answer: Incoming): boolean {
  return answer.headers.get('idempotent-replayed') === 'true'
}

describe('POST /transactions', () => {
  it('holds the money, writes the payment with its message, and answers 202', async () => {
    const [from, to] = await pair()
    const answer = await payments.pay(from, to, randomUUID(), { note: ' lunch ' })
    expect(answer).toMatchObject({
      status: 202,
      body: {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/), // version 7
        status: 'PENDING',
        message: 'Transaction received. Processing.',
        fromUserId: from.id,
        toUserId: to.id,
        amount: 5_000,
        currency: 'USD',
        note: 'lunch',
        createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      },
    })
    expect(isReplay(answer)).toBe(false)
    expect(await payments.balance(from)).toEqual({
      balance: 100_000,
      available: 95_000,
      pending: 5_000,
    })
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 1, messages: 1 })
  })

  it('answers twenty requests with one key at once with one payment', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    const answers = await Promise.all(Array.from({ length: 20 }, () => payments.pay(from, to, key)))
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 202, body: answers[0]?.body })
    }
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1)
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 1, messages: 1 })
    expect((await payments.balance(from)).available).toBe(95_000)
  })

  it('repeats the first answer however the payment went on', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    const first = await payments.pay(from, to, key)
    await payments.post(first)
    await payments.database.db
      .updateTable('payments')
      .set({ status: 'COMPLETED', completed_at: new Date(), resolved_by: 'worker' })
      .where('id', '=', first.body.id)
      .execute()
    const again = await payments.pay(from, to, key)
    expect(again).toMatchObject({ status: 202, body: first.body })
    expect(isReplay(again)).toBe(true)
    expect(await payments.balance(to)).toMatchObject({ balance: 105_000 })
  })

  it('refuses a key that was used with another body, and nothing else changes', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    await payments.pay(from, to, key, { note: 'rent' })
    const others = [{ amount: 5_001 }, { toUserId: randomUUID() }, { note: 'Rent' }, {}]
    for (const other of others) {
      expectProblem(await payments.pay(from, to, key, other), 422, 'idempotency_key_reused')
    }
    const same = await payments.pay(from, to, key, {
      note: '  rent ',
      toUserId: to.id.toUpperCase(),
    })
    expect(isReplay(same)).toBe(true)
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 1, messages: 1 })
    expect((await payments.balance(from)).available).toBe(95_000)
  })

  it('makes two payments of two equal requests, for the key is what tells them apart', async () => {
    const [from, to] = await pair()
    const [first, second] = [await payments.pay(from, to), await payments.pay(from, to)]
    expect([first.status, second.status, isReplay(second)]).toEqual([202, 202, false])
    expect(first.body.id).not.toBe(second.body.id)
    expect(await payments.stored(from)).toEqual({ claims: 2, payments: 2, messages: 2 })
    expect((await payments.balance(from)).available).toBe(90_000)
  })

  it('keeps the keys of two users apart', async () => {
    const [a, b] = await pair()
    const key = randomUUID()
    const [first, second] = [await payments.pay(a, b, key), await payments.pay(b, a, key)]
    expect(first.body.id).not.toBe(second.body.id)
    expect(isReplay(second)).toBe(false)
  })

  it('refuses what is more than there is, and remembers the refusal', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    const refused = await payments.pay(from, to, key, { amount: 100_001 })
    expectProblem(refused, 422, 'insufficient_funds')
    await payments.post(await payments.pay(to, from)) // now there would be enough
    const again = await payments.pay(from, to, key, { amount: 100_001 })
    expectProblem(again, 422, 'insufficient_funds')
    expect([isReplay(refused), isReplay(again)]).toEqual([false, true])
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 0, messages: 0 })
    expect(await payments.balance(from)).toMatchObject({ available: 105_000, pending: 0 })
  })

  it('refuses payments to oneself and to nobody', async () => {
    const [from] = await pair()
    const nobody = { id: randomUUID(), token: '' }
    expectProblem(await payments.pay(from, from), 422, 'self_transfer')
    expectProblem(await payments.pay(from, nobody), 422, 'recipient_unavailable')
    expect(await payments.balance(from)).toMatchObject({ available: 100_000 })
  })

  it('accepts exactly what fits when forty payments ask for more than there is', async () => {
    const [from, to] = await pair()
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => payments.pay(from, to, randomUUID(), { amount: 4_000 })),
    )
    const accepted = answers.filter(({ status }) => status === 202)
    expect(accepted).toHaveLength(25)
    for (const refused of answers.filter(({ status }) => status !== 202)) {
      expectProblem(refused, 422, 'insufficient_funds')
    }
    await Promise.all(accepted.map((one) => payments.post(one)))
    expect(await payments.balance(from)).toEqual({ balance: 0, available: 0, pending: 0 })
    expect(await payments.balance(to)).toMatchObject({ balance: 200_000 })
    await payments.audit()
  })

  it('lets no deadlock reach a user when payments cross', async () => {
    const [a, b] = await pair()
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => {
        const accepted = await payments.pay(
          ...(at % 2 ? ([a, b] as const) : ([b, a] as const)),
          randomUUID(),
          {
            amount: 1_000,
          },
        )
        return [accepted.status, (await payments.post(accepted)).status]
      }),
    )
    expect(answers.every(([accepted, posted]) => accepted === 202 && posted === 200)).toBe(true)
    expect(await payments.balance(a)).toMatchObject({ balance: 100_000, pending: 0 })
    await payments.audit()
  })

  it('answers 503 while wallet-service is away; the same key pays once it is back', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    await payments.wallet.child.kill()
    try {
      const away = await payments.pay(from, to, key)
      expectProblem(away, 503, 'service_unavailable')
      expect(Number(away.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
      expect(await payments.stored(from)).toEqual({ claims: 1, payments: 0, messages: 0 })
    } finally {
      await payments.wallet.start()
    }
    const back = await payments.pay(from, to, key)
    expect(back.status).toBe(202)
    expect((await payments.balance(from)).available).toBe(95_000)
  })

  it('answers 503 while wallet-service knows another service key; the same key pays under the right one', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    const body = { toUserId: to.id, amount: 5_000, currency: 'USD' }
    // As when it signs with the next key before wallet-service has learnt it.
    await using ahead = await RunningService.start('transaction', {
      JWKS_URL: payments.issuer.jwksUrl,
      SERVICE_KEY_TRANSACTION_TO_WALLET: 'the-key-that-wallet-service-does-not-know-yet',
      DATABASE_URL: payments.database.url,
      RABBITMQ_URL: NO_BROKER,
      WALLET_URL: payments.wallet.url,
      LOG_LEVEL: 'error',
    })
    const refused = await send(`${ahead.url}/transactions`, {
      token: from.token,
      headers: { 'idempotency-key': key },
      json: body,
    })
    expectProblem(refused, 503, 'service_unavailable')
    expect(refused.headers.get('retry-after')).not.toBeNull()
    expect(await payments.pay(from, to, key)).toMatchObject({ status: 202 })
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 1, messages: 1 })
  })

  it('writes no payment for a claim whose hold was released meanwhile', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    const { child } = payments.transaction
    await child.arm('payment.claimed', 'stop')
    const waiting = payments.pay(from, to, key)
    const { paymentId } = (await child.reached('payment.claimed')) as { paymentId: string }
    await payments.release(paymentId)
    child.go('payment.claimed')
    expectProblem(await waiting, 422, 'hold_released')
    expectProblem(await payments.pay(from, to, key), 422, 'hold_released')
    expect(await payments.stored(from)).toEqual({ claims: 1, payments: 0, messages: 0 })
  })

  it('gives twins one answer when one was refused and the other had just been granted', async () => {
    const [from, to] = await pair()
    const key = randomUUID()
    const { child } = payments.transaction
    // All the money is reserved elsewhere, so the first twin is refused …
    const blocker = await payments.pay(from, to, randomUUID(), { amount: 100_000 })
    await child.arm('payment.refused', 'stop')
    const first = payments.pay(from, to, key)
    await child.reached('payment.refused')
    // … but before it can write that down the money is free, and the second twin gets it.
    await payments.release(blocker.body.id)
    await child.arm('payment.held', 'stop')
    const second = payments.pay(from, to, key)
    await child.reached('payment.held')
    child.go('payment.refused')
    expectProblem(await first, 422, 'insufficient_funds')
    child.go('payment.held')
    expectProblem(await second, 422, 'insufficient_funds')
    await waitFor(async () => (await payments.balance(from)).available === 100_000)
    expect(await payments.stored(from)).toMatchObject({ claims: 2, payments: 1 })
  })
})
