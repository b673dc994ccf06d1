// Top-ups and withdrawals over real HTTP, with a real wallet-service and no broker: what is accepted,
// once for each key, and what is not.
import { randomUUID } from 'node:crypto'
import { SANDBOX_BANK_ID } from '@payflow-app/contracts'
import { expectProblem, type Incoming } from '@payflow-app/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

let payments: Payments

beforeAll(async () => {
  payments = await Payments.start()
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
})

async function one(): Promise<User> {
  const [user] = await payments.users(1)
  if (!user) throw new Error('one was asked for')
  return user
}

const isReplay = (answer: Incoming) => answer.headers.get('idempotent-replayed') === 'true'

describe('POST /wallets/me/top-ups', () => {
  it('is accepted as a payment is, and arrives when it is posted', async () => {
    const user = await one()
    const before = await payments.audit()
    const answer = await payments.move(user, 'top-ups')
    expect(answer).toMatchObject({
      status: 202,
      body: {
        kind: 'top_up',
        status: 'PENDING',
        message: 'Transaction received. Processing.',
        fromUserId: SANDBOX_BANK_ID,
        toUserId: user.id,
        amount: 5_000,
      },
    })
    expect(await payments.balance(user)).toEqual({
      balance: 100_000,
      available: 100_000,
      pending: 0,
    })
    expect(await payments.post(answer)).toMatchObject({ status: 200 })
    expect(await payments.balance(user)).toMatchObject({ balance: 105_000 })
    expect(await payments.audit()).toBe(before + 5_000)
  })

  it('shows in the history of its user and of nobody else', async () => {
    const [user, other] = [await one(), await one()]
    const { body } = await payments.move(user, 'top-ups')
    const { items } = (await payments.get(user, '/transactions')).body
    expect(items).toMatchObject([{ id: body.id, kind: 'top_up' }])
    expectProblem(await payments.get(other, `/transactions/${body.id}`), 404, 'not_found')
  })
})

describe('POST /wallets/me/withdrawals', () => {
  it('reserves the money at once and takes it out when it is posted', async () => {
    const user = await one()
    const before = await payments.audit()
    const answer = await payments.move(user, 'withdrawals')
    expect(answer).toMatchObject({
      status: 202,
      body: { kind: 'withdrawal', fromUserId: user.id, toUserId: SANDBOX_BANK_ID },
    })
    expect(await payments.balance(user)).toMatchObject({ available: 95_000, pending: 5_000 })
    await payments.post(answer)
    expect(await payments.balance(user)).toEqual({ balance: 95_000, available: 95_000, pending: 0 })
    // More than was ever paid in: what was withdrawn came with the opening credit.
    expect(await payments.audit()).toBe(before - 5_000)
  })

  it('refuses more than there is, and remembers the refusal', async () => {
    const user = await one()
    const key = randomUUID()
    const ask = () => payments.move(user, 'withdrawals', { key, amount: 100_001 })
    expectProblem(await ask(), 422, 'insufficient_funds')
    await payments.post(await payments.move(user, 'top-ups'))
    const again = await ask()
    expectProblem(again, 422, 'insufficient_funds')
    expect(isReplay(again)).toBe(true)
  })

  it('takes out no more than there is when forty ask at once', async () => {
    const user = await one()
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => payments.move(user, 'withdrawals', { amount: 4_000 })),
    )
    const accepted = answers.filter(({ status }) => status === 202)
    expect(accepted).toHaveLength(25)
    await Promise.all(accepted.map((answer) => payments.post(answer)))
    expect(await payments.balance(user)).toEqual({ balance: 0, available: 0, pending: 0 })
    await payments.audit()
  })
})

describe.each(['top-ups', 'withdrawals'] as const)('POST /wallets/me/%s', (what) => {
  it('IDEM-18 answers twenty requests with one key at once with one operation', async () => {
    const user = await one()
    const key = randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => payments.move(user, what, { key })),
    )
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 202, body: answers[0]?.body })
    }
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1)
    expect((await payments.get(user, '/transactions')).body.items).toHaveLength(1)
  })

  it('keeps the keys of users apart, also where the bank is the sender of both', async () => {
    const key = randomUUID()
    const [a, b] = [await one(), await one()]
    const answers = [await payments.move(a, what, { key }), await payments.move(b, what, { key })]
    expect(answers.map(({ status }) => status)).toEqual([202, 202])
    expect(answers[0]?.body.id).not.toBe(answers[1]?.body.id)
  })

  it('refuses a key that was used for another amount or for another kind of thing', async () => {
    const user = await one()
    const key = randomUUID()
    await payments.move(user, what, { key })
    const other = what === 'top-ups' ? 'withdrawals' : 'top-ups'
    for (const answer of [
      await payments.move(user, what, { key, amount: 4_999 }),
      await payments.move(user, other, { key }),
      await payments.pay(user, await one(), key),
    ]) {
      expectProblem(answer, 422, 'idempotency_key_reused')
    }
  })

  it('refuses what is above the limit, and says what the limit is', async () => {
    const user = await one()
    const key = randomUUID()
    const refused = await payments.move(user, what, { key, amount: 1_000_001 })
    expectProblem(refused, 422, 'amount_limit_exceeded')
    expect(refused.body.detail).toBe('At most $10,000.00 at once')
    expect(isReplay(await payments.move(user, what, { key, amount: 1_000_001 }))).toBe(true)
    // One unit less is not: of a withdrawal there is not that much in the wallet.
    const most = await payments.move(user, what, { amount: 1_000_000 })
    expect(most.body.code).toBe(what === 'top-ups' ? undefined : 'insufficient_funds')
  })

  it('takes nothing but a valid body under a key, from a user', async () => {
    const user = await one()
    for (const more of [{ amount: 0 }, { amount: 1.5 }, { amount: -1 }, { currency: 'EUR' }]) {
      expectProblem(await payments.move(user, what, more), 400, 'validation_failed')
    }
    expectProblem(
      await payments.move(user, what, { key: 'two words' }),
      400,
      'idempotency_key_invalid',
    )
    expectProblem(await payments.move({ ...user, token: 'x' }, what), 401, 'unauthenticated')
  })
})

describe('the bank', () => {
  it('can be paid by nobody', async () => {
    const user = await one()
    const bank = { id: SANDBOX_BANK_ID, token: '' }
    expectProblem(await payments.pay(user, bank), 422, 'recipient_unavailable')
  })
})
