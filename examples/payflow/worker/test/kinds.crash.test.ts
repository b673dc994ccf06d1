// Top-ups, withdrawals and refunds go the way of payments: executed once whatever dies, ended by
// whoever comes first, and the books balance with the bank in them.
import { SANDBOX_BANK_ID, type HeldKind } from '@payflow-app/contracts'
import { createLedger } from '@payflow/ledger'
import { startRabbitmq, waitFor, type Server } from '@payflow/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PaymentReversal } from '../src/reversal.ts'
import { recorded, reversalOf, startWorker, type Worker } from './support/processes.ts'
import { Scene } from './support/scene.ts'

let rabbitmq: Server
let scene: Scene
let reversal: PaymentReversal
const workers: Worker[] = []

beforeAll(async () => {
  rabbitmq = await startRabbitmq()
  scene = await Scene.open()
  await scene.connect(rabbitmq.url)
  reversal = reversalOf(scene, rabbitmq.url)
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map(({ child }) => child.kill('SIGTERM')))
})
afterAll(async () => {
  await reversal.close()
  await scene[Symbol.asyncDispose]()
  await rabbitmq.stop()
})

async function worker(): Promise<Worker> {
  const started = await startWorker(scene, rabbitmq.url)
  workers.push(started)
  return started
}

type Funds = Exclude<HeldKind, 'payment'>

const partiesOf = (kind: Funds, user: string) =>
  kind === 'top_up'
    ? { kind, fromUserId: SANDBOX_BANK_ID, toUserId: user }
    : { kind, fromUserId: user, toUserId: SANDBOX_BANK_ID }

/** What must always be true: debits equal credits, and every number follows from the journal. */
async function booksBalance(): Promise<void> {
  const ledger = createLedger()
  const { db } = scene.wallets
  expect(await ledger.trialBalance(db)).toMatchObject({ balanced: true })
  expect(await ledger.verify(db)).toMatchObject({ clean: true, findings: [] })
}

const points = ['consumer.decided', 'consumer.recorded', 'consumer.committed']

describe('a worker killed', () => {
  it.each(points)('REV-02 REV-07 at %s tops up and withdraws once', async (point) => {
    const [user = ''] = await scene.users(1)
    const victim = await worker()
    await victim.child.arm(point, 'kill')
    const kinds: Funds[] = ['top_up', 'withdrawal', 'top_up', 'withdrawal']
    const accepted = await Promise.all(
      kinds.map((kind, at) =>
        scene.accept({ ...partiesOf(kind, user), amount: kind === 'top_up' ? 7_000 : 1_000 + at }),
      ),
    )
    expect(await victim.child.exited).toMatchObject({ signal: 'SIGKILL' })
    await worker()
    for (const { paymentId } of accepted) {
      expect(await scene.ended(paymentId)).toMatchObject({
        status: 'COMPLETED',
        events: ['payments.completed'],
      })
    }
    const balance = 100_000 + 2 * 7_000 - 1_001 - 1_003
    expect(await scene.wallet(user)).toMatchObject({ balance, available: balance })
    await booksBalance()
  })
})

/** A payment of 5000 that was executed. */
async function paid() {
  const [from = '', to = ''] = await scene.users(2)
  return { from, to, payment: await scene.completed({ fromUserId: from, toUserId: to }) }
}

const refunded = async (from: string, to: string, amount: number) => {
  expect(await scene.wallet(from)).toMatchObject({ balance: 95_000 + amount })
  expect(await scene.wallet(to)).toMatchObject({ balance: 105_000 - amount })
  await booksBalance()
}

describe('a refund', () => {
  it.each(points)('REV-02 REV-07 is done once when its worker is killed at %s', async (point) => {
    const { from, to, payment } = await paid()
    const victim = await worker()
    await victim.child.arm(point, 'kill')
    const { paymentId } = await scene.acceptRefund(payment, 2_000)
    expect(await victim.child.exited).toMatchObject({ signal: 'SIGKILL' })
    await worker()
    expect(await scene.ended(paymentId)).toMatchObject({
      status: 'COMPLETED',
      resolvedBy: 'worker',
      events: ['payments.completed'],
    })
    await refunded(from, to, 2_000)
  })

  it('fails when more is asked for at once than was paid, and says why', async () => {
    const { from, to, payment } = await paid()
    const all = await Promise.all(
      [5_000, 5_000, 5_000].map((amount) => scene.acceptRefund(payment, amount)),
    )
    await worker()
    const ends = await Promise.all(all.map(({ paymentId }) => scene.ended(paymentId)))
    const codes = ends.map(({ failureCode }) => failureCode ?? 'none')
    expect(codes.toSorted((a, b) => a.localeCompare(b))).toEqual([
      'none',
      'refund_exceeds_payment',
      'refund_exceeds_payment',
    ])
    await refunded(from, to, 5_000)
  })

  it('fails when the money has been withdrawn, and can never be posted later', async () => {
    const { from, to, payment } = await paid()
    const withdrawal = await scene.accept({ ...partiesOf('withdrawal', to), amount: 103_000 })
    const refund = await scene.acceptRefund(payment)
    await worker()
    expect(await scene.ended(withdrawal.paymentId)).toMatchObject({ status: 'COMPLETED' })
    expect(await scene.ended(refund.paymentId)).toMatchObject({
      status: 'FAILED',
      failureCode: 'insufficient_funds',
      events: ['payments.failed'],
    })
    const { db } = scene.wallets
    await expect(createLedger().lookup(db, refund.paymentId)).resolves.toMatchObject({
      kind: 'tombstone',
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 95_000 })
    await booksBalance()
  })

  it('REV-02 that was refused says so when its worker is killed before it has written why', async () => {
    const { from, to, payment } = await paid()
    await scene.accept({ ...partiesOf('withdrawal', to), amount: 103_000 })
    const victim = await worker()
    await waitFor(async () => (await scene.wallet(to)).balance === 2_000, { timeoutMs: 60_000 })
    await waitFor(async () => (await recorded(victim, 'COMPLETED')) === 1)
    await victim.child.arm('consumer.decided', 'kill')
    const { paymentId } = await scene.acceptRefund(payment)
    expect(await victim.child.exited).toMatchObject({ signal: 'SIGKILL' })
    await worker()
    expect(await scene.ended(paymentId)).toMatchObject({
      status: 'FAILED',
      failureCode: 'refund_refused',
      events: ['payments.failed'],
    })
    expect(await scene.wallet(from)).toMatchObject({ balance: 95_000 })
    await booksBalance()
  })

  it.each([
    ['consumer.received', 'reversed', 0],
    ['consumer.decided', 'completed', 3_000],
  ])(
    'REV-06 of a worker frozen at %s is %s by the reversal, and the worker comes too late',
    async (point, outcome, amount) => {
      const { from, to, payment } = await paid()
      const frozen = await worker()
      await frozen.child.arm(point, 'stop')
      const { paymentId } = await scene.acceptRefund(payment, 3_000)
      await frozen.child.reached(point, { timeoutMs: 60_000 })
      await scene.sentLongAgo(paymentId)

      expect(await reversal.reversal.run()).toMatchObject({ [outcome]: 1, failed: 0 })
      frozen.child.go(point)

      await waitFor(async () => (await recorded(frozen, 'late')) === 1)
      expect(await scene.payment(paymentId)).toMatchObject({
        status: outcome === 'reversed' ? 'FAILED' : 'COMPLETED',
        failureCode: outcome === 'reversed' ? 'reversed_timeout' : null,
        resolvedBy: 'reversal',
        events: [outcome === 'reversed' ? 'payments.failed' : 'payments.completed'],
      })
      await refunded(from, to, amount)
    },
  )
})

describe('the reversal', () => {
  it.each<Funds>(['top_up', 'withdrawal'])(
    'REV-13 ends a %s that nobody executed, and one that had been posted',
    async (kind) => {
      const [user = ''] = await scene.users(1)
      const never = await scene.accept({ ...partiesOf(kind, user), amount: 5_000 })
      const posted = await scene.accept({ ...partiesOf(kind, user), amount: 300 })
      await scene.post({ ...posted, kind })
      for (const { paymentId } of [never, posted]) await scene.sentLongAgo(paymentId)

      expect(await reversal.reversal.run()).toMatchObject({ reversed: 1, completed: 1, failed: 0 })

      expect(await scene.payment(never.paymentId)).toMatchObject({
        failureCode: 'reversed_timeout',
        events: ['payments.failed'],
      })
      expect(await scene.payment(posted.paymentId)).toMatchObject({
        status: 'COMPLETED',
        events: ['payments.completed'],
      })
      const balance = 100_000 + (kind === 'top_up' ? 300 : -300)
      expect(await scene.wallet(user)).toMatchObject({ balance, available: balance })
      await booksBalance()
    },
  )
})
