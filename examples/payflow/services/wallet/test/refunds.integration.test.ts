// Refunds against the real ledger: never more than was paid, once for each id, and posted or
// released, never both.
import { randomUUID } from 'node:crypto'
import { expectProblem } from '@payflow-app/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { paymentOf, Wallets, type Payment } from './support/wallets.ts'

let wallets: Wallets

beforeAll(async () => {
  wallets = await Wallets.start()
})
afterAll(async () => {
  await wallets[Symbol.asyncDispose]()
})

async function paid(amount = 5_000): Promise<Payment> {
  const [from = '', to = ''] = await wallets.users(2)
  const payment = paymentOf(from, to, amount)
  await wallets.hold(payment)
  const posted = await wallets.transfer(payment)
  if (posted.status !== 200) throw new Error(`the transfer answered ${posted.status}`)
  return payment
}

const balances = async ({ fromUserId, toUserId }: Payment) => [
  await wallets.available(fromUserId),
  await wallets.available(toUserId),
]

describe('POST /wallets/refunds', () => {
  it('gives back a part, then the rest, and no unit more', async () => {
    const payment = await paid()
    const id = randomUUID()
    expect(await wallets.refund(payment, 2_000, id)).toMatchObject({
      status: 200,
      body: { transferId: id, state: 'posted', replayed: false },
    })
    expect((await wallets.refund(payment, 2_000, id)).body.replayed).toBe(true)
    expect(await balances(payment)).toEqual([97_000, 103_000])
    expectProblem(await wallets.refund(payment, 3_001), 422, 'refund_exceeds_payment')
    expect((await wallets.refund(payment, 3_000)).status).toBe(200)
    expectProblem(await wallets.refund(payment, 1), 422, 'refund_exceeds_payment')
    expect(await balances(payment)).toEqual([100_000, 100_000])
    await wallets.audit()
  })

  it('of the whole amount, asked for forty times at once, is done once', async () => {
    const payment = await paid()
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => wallets.refund(payment, 5_000)),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const refused of answers.filter(({ status }) => status !== 200)) {
      expectProblem(refused, 422, 'refund_exceeds_payment')
    }
    expect(await balances(payment)).toEqual([100_000, 100_000])
    await wallets.audit()
  })

  it('needs the money: what was spent meanwhile cannot be given back', async () => {
    const payment = await paid()
    const spent = paymentOf(payment.toUserId, payment.fromUserId, 102_000)
    await wallets.hold(spent)
    expectProblem(await wallets.refund(payment, 5_000), 422, 'insufficient_funds')
    expect((await wallets.refund(payment, 3_000)).status).toBe(200)
  })

  it('refuses what is no posted payment between the two', async () => {
    const payment = await paid()
    const [other = ''] = await wallets.users(1)
    for (const strange of [
      paymentOf(payment.fromUserId, payment.toUserId), // never paid
      { ...payment, toUserId: other },
      { ...payment, fromUserId: other },
      { ...payment, fromUserId: payment.toUserId, toUserId: payment.fromUserId },
    ]) {
      expectProblem(await wallets.refund(strange, 1), 409, 'transfer_conflict')
    }
    const held = paymentOf(payment.fromUserId, payment.toUserId)
    await wallets.hold(held)
    expectProblem(await wallets.refund(held, 1), 409, 'transfer_conflict')
    expectProblem(await wallets.post('/wallets/refunds', {}), 400, 'validation_failed')
    expect(await balances(payment)).toEqual([90_000, 105_000])
  })

  it('REV-06 is posted or released, never both, whoever comes first', async () => {
    const payment = await paid(50_000)
    const ended = { posted: 0, released: 0 }
    for (let round = 0; round < 25; round += 1) {
      const id = randomUUID()
      const refund = () => wallets.refund(payment, 100, id)
      const release = () => wallets.release(id)
      // Each is begun first as often as the other.
      const calls = round % 2 === 0 ? [refund(), release()] : [release(), refund()]
      await Promise.all(calls)
      const { state } = (await release()).body as { state: 'posted' | 'released' }
      ended[state] += 1
      const again = await refund()
      const answers = { posted: { status: 200 }, released: { body: { code: 'hold_released' } } }
      expect(again).toMatchObject(answers[state])
    }
    expect(await wallets.available(payment.fromUserId)).toBe(50_000 + 100 * ended.posted)
    expect(ended.posted + ended.released).toBe(25)
    await wallets.audit()
  })
})
