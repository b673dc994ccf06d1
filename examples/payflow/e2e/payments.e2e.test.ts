/*
 * Goal: the promise of the HTTP contract, seen only from outside.
 * Method: every process of PayFlow on real servers of its own; users that speak to the gateway.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { startStack, type Stack } from '@payflow-app/stack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditAll, auditPayment, settle, SOUND, User } from './src/index.ts'

let stack: Stack

beforeAll(async () => {
  stack = await startStack()
})
afterAll(async () => {
  await stack?.stop()
})

describe('a payment', () => {
  it('is PENDING at once, COMPLETED soon after, and moves the money once', async () => {
    const [ada, grace] = await twoUsers()
    const answer = await ada.pay({ toUserId: grace.id, amount: 5000, note: 'lunch' })
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({
      status: 'PENDING',
      message: 'Transaction received. Processing.',
      fromUserId: ada.id,
      toUserId: grace.id,
      amount: 5000,
      currency: 'USD',
    })
    const settled = await settle(ada, answer.body.id, 2000)
    expect(settled.status).toBe('COMPLETED')
    expect(await ada.wallet()).toMatchObject({ balance: 95_000, available: 95_000, pending: 0 })
    expect(await grace.wallet()).toMatchObject({ balance: 105_000, available: 105_000 })
    expect(await auditPayment(stack, answer.body.id)).toMatchObject({ postings: 1 })
    await waitFor(async () => (await auditPayment(stack, answer.body.id)).notifications === 2, {
      message: 'two notifications, one for each side',
    })
  })

  it('shows up in the history of both sides and in nobody else’s', async () => {
    const [ada, grace] = await twoUsers()
    const stranger = await User.register(stack.url)
    const { body } = await ada.payUntilAnswered({ toUserId: grace.id, amount: 100 })
    for (const side of [ada, grace]) {
      expect((await side.history()).items.map((item) => item.id)).toContain(body.id)
    }
    expect((await stranger.history()).items).toEqual([])
    expect((await stranger.get(`/api/transactions/${body.id}`)).status).toBe(404)
  })
})

describe('one idempotency key', () => {
  it('sent 20 times at the same moment makes one payment that every answer names', async () => {
    const [ada, grace] = await twoUsers()
    const key = randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        ada.payUntilAnswered({ toUserId: grace.id, amount: 5000 }, key),
      ),
    )
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([202]))
    expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1)
    await settle(ada, answers[0]!.body.id)
    expect((await ada.history()).items).toHaveLength(1)
    expect((await ada.wallet()).balance).toBe(95_000)
  })

  it('with another amount is refused with 422 and moves nothing', async () => {
    const [ada, grace] = await twoUsers()
    const key = randomUUID()
    const first = await ada.payUntilAnswered({ toUserId: grace.id, amount: 5000 }, key)
    const second = await ada.payUntilAnswered({ toUserId: grace.id, amount: 6000 }, key)
    expect(second.status).toBe(422)
    expect(second.body).toMatchObject({
      type: 'https://payflow.dev/problems/idempotency-key-reused',
      status: 422,
    })
    await settle(ada, first.body.id)
    expect((await ada.wallet()).balance).toBe(95_000)
  })

  it('of another user is another key', async () => {
    const [ada, grace] = await twoUsers()
    const key = randomUUID()
    const [one, other] = await Promise.all([
      ada.payUntilAnswered({ toUserId: grace.id, amount: 700 }, key),
      grace.payUntilAnswered({ toUserId: ada.id, amount: 700 }, key),
    ])
    expect([one.status, other.status]).toEqual([202, 202])
    expect(one.body.id).not.toBe(other.body.id)
    await Promise.all([settle(ada, one.body.id), settle(grace, other.body.id)])
  })
})

describe('many payments at once', () => {
  it('never spend more than there is, and exactly what fits completes', async () => {
    const [ada, grace] = await twoUsers()
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => ada.payUntilAnswered({ toUserId: grace.id, amount: 7000 })),
    )
    const accepted = answers.filter((answer) => answer.status === 202)
    const refused = answers.filter((answer) => answer.status === 422)
    expect(accepted).toHaveLength(14)
    expect(refused).toHaveLength(26)
    expect(
      new Set(refused.map((answer) => (answer.body as unknown as { type: string }).type)),
    ).toEqual(new Set(['https://payflow.dev/problems/insufficient-funds']))
    const settled = await Promise.all(accepted.map((answer) => settle(ada, answer.body.id, 20_000)))
    expect(settled.every((payment) => payment.status === 'COMPLETED')).toBe(true)
    expect(await ada.wallet()).toMatchObject({ balance: 2000, available: 2000, pending: 0 })
    expect(await grace.wallet()).toMatchObject({ balance: 198_000 })
  })

  it('against each other end without a deadlock that a user sees', async () => {
    const [ada, grace] = await twoUsers()
    const storm = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        index % 2 === 0
          ? ada.pay({ toUserId: grace.id, amount: 100 })
          : grace.pay({ toUserId: ada.id, amount: 100 }),
      ),
    )
    expect(storm.map((answer) => answer.status)).toEqual(storm.map(() => 202))
    await Promise.all(
      storm.map((answer, index) => settle(index % 2 === 0 ? ada : grace, answer.body.id, 20_000)),
    )
    expect(await ada.wallet()).toMatchObject({ balance: 100_000, pending: 0 })
    expect(await grace.wallet()).toMatchObject({ balance: 100_000, pending: 0 })
  })

  it('leave books that add up', async () => {
    expect(await auditAll(stack)).toMatchObject(SOUND)
  })
})

async function twoUsers(): Promise<[User, User]> {
  return Promise.all([User.register(stack.url, 'Ada'), User.register(stack.url, 'Grace')])
}
