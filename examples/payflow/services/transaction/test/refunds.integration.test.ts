// Refunds over real HTTP, with a real wallet-service and no broker: who may ask for one, once for
// each key, and what the payment shows of them.
import { randomUUID } from 'node:crypto'
import { expectProblem, follow, type Incoming } from '@payflow-app/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Payments, type User } from './support/payments.ts'

let payments: Payments

beforeAll(async () => {
  payments = await Payments.start()
})
afterAll(async () => {
  await payments[Symbol.asyncDispose]()
})

/** A completed payment of 5000 with its two parties, and somebody else. */
async function paid() {
  const users = await payments.users(3)
  const [from, to, other] = users as [User, User, User]
  const accepted = await payments.pay(from, to)
  await payments.execute(accepted)
  return { from, to, other, id: accepted.body.id as string }
}

const isReplay = (answer: Incoming) => answer.headers.get('idempotent-replayed') === 'true'
const show = async (user: User, id: string) =>
  (await payments.get(user, `/transactions/${id}`)).body

describe('POST /transactions/:id/refunds', () => {
  it('is accepted from who received the payment, and both see what became of it', async () => {
    const { from, to, id } = await paid()
    const answer = await payments.refund(to, id, { amount: 2_000, note: ' sorry ' })
    expect(answer).toMatchObject({
      status: 202,
      body: {
        kind: 'refund',
        refundOf: id,
        status: 'PENDING',
        fromUserId: to.id,
        toUserId: from.id,
        amount: 2_000,
        note: 'sorry',
      },
    })
    const pending = { id: answer.body.id, status: 'PENDING', amount: 2_000 }
    expect(await show(from, id)).toMatchObject({ refundedAmount: 0, refunds: [pending] })
    await payments.execute(answer)
    expect(await payments.balance(from)).toMatchObject({ balance: 97_000 })
    for (const user of [from, to]) {
      expect(await show(user, id)).toMatchObject({
        refundedAmount: 2_000,
        refunds: [{ ...pending, status: 'COMPLETED', note: 'sorry' }],
      })
      expect(await show(user, answer.body.id)).toMatchObject({ kind: 'refund', refundOf: id })
    }
    const { items } = (await payments.get(from, '/transactions')).body
    expect(items.map((one: any) => [one.kind, one.refundedAmount])).toEqual([
      ['refund', undefined],
      ['payment', 2_000],
    ])
    await payments.audit()
  })

  it('that fails tells why to who asked for it, and to nobody else', async () => {
    const { from, to, id } = await paid()
    await payments.execute(await payments.move(to, 'withdrawals', { amount: 103_000 }))
    const refund = await payments.refund(to, id)
    expect((await payments.execute(refund)).status).toBe(422)
    const asked = async (user: User) => {
      const events = await follow(
        `${payments.transaction.url}/transactions/${refund.body.id}/events`,
        { token: user.token },
      )
      await events.ended
      const { items } = (await payments.get(user, '/transactions?kind=refund')).body
      const details = await show(user, id)
      return [
        await show(user, refund.body.id),
        items[0],
        details.refunds[0],
        JSON.parse(events.events.at(-1)?.data ?? '{}'),
      ]
    }
    for (const seen of await asked(to)) expect(seen.failureCode).toBe('insufficient_funds')
    const told = await asked(from)
    // The same payment, with everything but the reason.
    for (const seen of told.slice(0, 3)) expect(seen).toMatchObject({ status: 'FAILED' })
    expect(told[3]).toMatchObject({ type: 'failed', paymentId: refund.body.id })
    for (const seen of told) expect(seen).not.toHaveProperty('failureCode')
  })

  it('without an amount is what is left', async () => {
    const { from, to, id } = await paid()
    await payments.execute(await payments.refund(to, id, { amount: 1 }))
    const rest = await payments.refund(to, id)
    expect(rest.body.amount).toBe(4_999)
    await payments.execute(rest)
    expect(await payments.balance(from)).toMatchObject({ balance: 100_000 })
    for (const body of [{}, { amount: 1 }]) {
      expectProblem(await payments.refund(to, id, body), 422, 'refund_exceeds_payment')
    }
  })

  it('IDEM-18 answers twenty requests with one key at once with one refund', async () => {
    const { to, id } = await paid()
    const key = randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => payments.refund(to, id, {}, key)),
    )
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 202, body: answers[0]?.body })
    expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1)
    expect((await show(to, id)).refunds).toHaveLength(1)
    // Also when nothing is left any more.
    await payments.execute(answers[0] as Incoming)
    expect(isReplay(await payments.refund(to, id, {}, key))).toBe(true)
    for (const other of [{ amount: 5_000 }, { note: 'x' }]) {
      expectProblem(await payments.refund(to, id, other, key), 422, 'idempotency_key_reused')
    }
  })

  it('of the whole amount under two keys is executed once', async () => {
    const { from, to, id } = await paid()
    const both = await Promise.all([payments.refund(to, id), payments.refund(to, id)])
    expect(both.map(({ status }) => status)).toEqual([202, 202])
    const ends = await Promise.all(both.map((one) => payments.execute(one)))
    expect(ends.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(await show(to, id)).toMatchObject({ refundedAmount: 5_000 })
    expect(await payments.balance(from)).toMatchObject({ balance: 100_000 })
    await payments.audit()
  })

  it.each([
    ['PENDING', 100],
    ['COMPLETED', 100],
    ['FAILED', 1_000],
  ])('is refused when as many as there may be are %s', async (status, most) => {
    const { to, id } = await paid()
    const last = randomUUID()
    await payments.haveRefunds(id, status, most - 1)
    const accepted = await payments.refund(to, id, { amount: 1 }, last)
    expect(accepted.status).toBe(202)
    if (status === 'FAILED') await payments.end(accepted.body.id, 'insufficient_funds')
    expectProblem(await payments.refund(to, id, { amount: 1 }), 422, 'refund_limit_reached')
    // Whoever was accepted stays accepted.
    const again = await payments.refund(to, id, { amount: 1 }, last)
    expect(again).toMatchObject({ status: 202, body: accepted.body })
  })

  it('is refused to the sender, and is nothing to anybody else', async () => {
    const { from, other, id } = await paid()
    expectProblem(await payments.refund(from, id), 403, 'forbidden')
    expectProblem(await payments.refund(other, id), 404, 'not_found')
    expectProblem(await payments.refund(other, randomUUID()), 404, 'not_found')
    expectProblem(await payments.refund({ ...from, token: 'x' }, id), 401, 'unauthenticated')
  })

  it('is of completed payments only', async () => {
    const { from, to, id } = await paid()
    const pending = await payments.pay(from, to)
    const topUp = await payments.move(to, 'top-ups')
    const withdrawal = await payments.move(to, 'withdrawals')
    const refund = await payments.refund(to, id, { amount: 1 })
    for (const one of [topUp, withdrawal, refund]) await payments.execute(one)
    for (const [user, one] of [
      [to, pending],
      [to, topUp],
      [to, withdrawal],
      [to, refund],
      [from, refund],
    ] as const) {
      expectProblem(await payments.refund(user, one.body.id), 422, 'not_refundable')
    }
  })

  it('takes nothing but a valid body', async () => {
    const { to, id } = await paid()
    for (const body of [
      { amount: 0 },
      { amount: -1 },
      { amount: 0.5 },
      { note: 'x'.repeat(141) },
    ]) {
      expectProblem(await payments.refund(to, id, body), 400, 'validation_failed')
    }
    const more = { toUserId: to.id } as object
    expectProblem(await payments.refund(to, id, more), 400, 'validation_failed')
    expectProblem(await payments.refund(to, id, { amount: 5_001 }), 422, 'refund_exceeds_payment')
    expectProblem(await payments.refund(to, 'x'), 400, 'validation_failed')
  })
})
