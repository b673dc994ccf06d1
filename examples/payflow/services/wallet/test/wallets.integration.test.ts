// Opening wallets and what holds, posts and releases do to them, over real HTTP and a real ledger.
import { randomUUID } from 'node:crypto'
import { expectProblem } from '@payflow-app/testing'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OPENING_CREDIT, paymentOf, Wallets } from './support/wallets.ts'

let wallets: Wallets

beforeAll(async () => {
  wallets = await Wallets.start()
})
afterAll(async () => {
  await wallets[Symbol.asyncDispose]()
})

describe('POST /wallets', () => {
  it('opens a wallet with the opening credit', async () => {
    const userId = randomUUID()
    const opened = await wallets.post('/wallets', { userId, currency: 'USD' })
    expect(opened).toMatchObject({
      status: 201,
      body: {
        userId,
        currency: 'USD',
        balance: OPENING_CREDIT,
        available: OPENING_CREDIT,
        pending: 0,
      },
    })
  })

  it('gives one credit to twenty requests at once and to one more a moment later', async () => {
    const userId = randomUUID()
    const open = () => wallets.post('/wallets', { userId, currency: 'USD' })
    const answers = await Promise.all(Array.from({ length: 20 }, open))
    answers.push(await open())
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 201, body: { balance: OPENING_CREDIT } })
    }
    await wallets.audit()
  })
})

describe('POST /wallets/holds', () => {
  it('reserves the money: the balance stays, less is available', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    const { transferId } = payment

    const first = await wallets.hold(payment)
    const again = await wallets.hold(payment)

    expect(first).toMatchObject({
      status: 201,
      body: { transferId, state: 'held', replayed: false },
    })
    expect(again).toMatchObject({
      status: 201,
      body: { transferId, state: 'held', replayed: true },
    })
    expect((await wallets.get(`/wallets/${from}`)).body).toMatchObject({
      balance: 100_000,
      available: 95_000,
      pending: 5_000,
    })
    expect((await wallets.get(`/wallets/${to}`)).body).toMatchObject({
      balance: 100_000,
      available: 100_000,
      pending: 0,
    })
  })

  it('shows each balance as it is, however often it was read a moment ago', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const readers = () => Promise.all(Array.from({ length: 8 }, () => wallets.available(from)))
    for (let held = 1; held <= 10; held += 1) {
      // Reads that began before the hold and end after it: what they saw may not be kept.
      const before = readers()
      await wallets.hold(paymentOf(from, to))
      await before
      const seen = await readers()
      expect(seen).toEqual(seen.map(() => OPENING_CREDIT - held * 5_000))
    }
  })

  it('never reserves more than there is, however many ask at once', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    // 40 × 4 000 = 160 000 of 100 000: exactly 25 fit.
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => wallets.hold(paymentOf(from, to, 4_000))),
    )
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(25)
    for (const refused of answers.filter(({ status }) => status !== 201)) {
      expectProblem(refused, 422, 'insufficient_funds')
    }
    expect(await wallets.available(from)).toBe(0)
  })

  it('refuses the same id for another payment', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    await wallets.hold(payment)
    expectProblem(await wallets.hold({ ...payment, amount: 1 }), 409, 'transfer_conflict')
    expect(await wallets.available(from)).toBe(95_000)
  })

  it('takes a retry for the same payment though holds have come to live longer', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    await wallets.hold(payment, 60_000)
    const longer = await wallets.hold(payment, 120_000)
    expect(longer).toMatchObject({ status: 201, body: { state: 'held', replayed: true } })
    expectProblem(await wallets.hold({ ...payment, amount: 1 }, 120_000), 409)
    expect(await wallets.available(from)).toBe(95_000)
    await wallets.release(payment.transferId)
    for (const life of [60_000, 120_000]) {
      expectProblem(await wallets.hold(payment, life), 422, 'hold_released')
    }
  })

  it('says which party has no wallet', async () => {
    const [known = ''] = await wallets.users(1)
    const toNobody = await wallets.hold(paymentOf(known, randomUUID()))
    const fromNobody = await wallets.hold(paymentOf(randomUUID(), known))
    expectProblem(toNobody, 422, 'recipient_unavailable')
    expectProblem(fromNobody, 422, 'sender_unavailable')
    expectProblem(await wallets.hold(paymentOf(known, known)), 422, 'self_transfer')
  })

  it('answers 503 with Retry-After while the ledger is locked, and nothing is held', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    await wallets.database.db.transaction().execute(async (trx) => {
      await trx.selectFrom('ledger.account').select('id').forUpdate().execute()
      const busy = await wallets.hold(payment)
      expectProblem(busy, 503, 'service_unavailable')
      expect(Number(busy.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    })
    expect(await wallets.available(from)).toBe(100_000)
    expect((await wallets.hold(payment)).body).toMatchObject({ state: 'held', replayed: false })
  })
})

describe('POST /wallets/transfer', () => {
  it('posts the hold once and replays after that', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    const { transferId } = payment
    await wallets.hold(payment)

    const answers = await Promise.all(Array.from({ length: 10 }, () => wallets.transfer(payment)))

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 200, body: { transferId, state: 'posted' } })
    }
    expect(answers.filter(({ body }) => !body.replayed)).toHaveLength(1)
    expect(await wallets.available(from)).toBe(95_000)
    expect(await wallets.available(to)).toBe(105_000)
  })

  it('posts nothing that was not held, or held for another payment', async () => {
    const [from = '', to = '', other = ''] = await wallets.users(3)
    const payment = paymentOf(from, to)
    expectProblem(await wallets.transfer(payment), 422, 'hold_unknown')
    await wallets.hold(payment)
    for (const change of [{ amount: 4_999 }, { amount: 5_001 }, { toUserId: other }]) {
      expectProblem(await wallets.transfer({ ...payment, ...change }), 409, 'transfer_conflict')
    }
    expect(await wallets.available(to)).toBe(100_000)
    expect(await wallets.available(other)).toBe(100_000)
  })

  it('refuses a hold whose time is up', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    await wallets.hold(payment, 1_000)
    await expect.poll(() => wallets.available(from)).toBe(100_000)
    expectProblem(await wallets.transfer(payment), 422, 'hold_expired')
    expectProblem(await wallets.hold(payment, 1_000), 422, 'hold_expired')
    expectProblem(await wallets.hold(payment, 2_000), 422, 'hold_expired')
  })
})

describe('POST /wallets/holds/:id/release', () => {
  it('gives the money back and keeps the id from ever posting', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    const { transferId } = payment
    await wallets.hold(payment)
    for (let round = 0; round < 2; round += 1) {
      const released = await wallets.release(transferId)
      expect(released).toMatchObject({ status: 200, body: { transferId, state: 'released' } })
    }
    expect(await wallets.available(from)).toBe(100_000)
    expectProblem(await wallets.transfer(payment), 422, 'hold_released')
    expectProblem(await wallets.hold(payment), 422, 'hold_released')
  })

  it('keeps an id that was never seen from ever being held or posted', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    expect((await wallets.release(payment.transferId)).body).toMatchObject({ state: 'released' })
    expectProblem(await wallets.hold(payment), 422, 'hold_released')
    expectProblem(await wallets.transfer(payment), 422, 'hold_released')
    expect(await wallets.available(from)).toBe(100_000)
  })

  it('answers posted when the money has moved', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payment = paymentOf(from, to)
    await wallets.hold(payment)
    await wallets.transfer(payment)
    expect((await wallets.release(payment.transferId)).body).toMatchObject({ state: 'posted' })
    expect(await wallets.available(to)).toBe(105_000)
  })

  it('REV-06 decides against a simultaneous post one way or the other, never both', async () => {
    const [from = '', to = ''] = await wallets.users(2)
    const payments = Array.from({ length: 20 }, () => paymentOf(from, to, 100))
    await Promise.all(payments.map((payment) => wallets.hold(payment)))

    const decisions = await Promise.all(
      payments.map(async (payment) => {
        const [posted, released] = await Promise.all([
          wallets.transfer(payment),
          wallets.release(payment.transferId),
        ])
        const won = posted.status === 200 ? 'posted' : 'released'
        expect(released).toMatchObject({ status: 200, body: { state: won } })
        expect([200, 422]).toContain(posted.status)
        return released.body.state as string
      }),
    )

    const moved = decisions.filter((state) => state === 'posted').length
    expect(await wallets.available(from)).toBe(100_000 - moved * 100)
    expect(await wallets.available(to)).toBe(100_000 + moved * 100)
  })
})

describe('the ledger behind it', () => {
  it('LEDGER-01 lets no deadlock reach a caller when money flows both ways', async () => {
    const [a = '', b = ''] = await wallets.users(2)
    const both = Array.from({ length: 60 }, (_, at) =>
      at % 2 === 0 ? paymentOf(a, b, 1_000) : paymentOf(b, a, 1_000),
    )
    const answers = await Promise.all(
      both.map(async (payment) => [await wallets.hold(payment), await wallets.transfer(payment)]),
    )
    for (const [held, posted] of answers) {
      expect(held?.status).toBe(201)
      expect(posted?.status).toBe(200)
    }
    expect(await wallets.available(a)).toBe(100_000)
    expect(await wallets.available(b)).toBe(100_000)
  })

  it('keeps every minor unit: the audit is sound and counts the opening credits', async () => {
    const opened = await wallets.database.db
      .selectFrom('wallets')
      .select((eb) => eb.fn.countAll<string>().as('count'))
      .executeTakeFirstOrThrow()
    expect(await wallets.audit()).toBe(Number(opened.count) * OPENING_CREDIT)
    const { body } = await wallets.get('/metrics')
    expect(body).toMatch(/payflow_ledger_imbalance_minor\{currency="USD",[^}]*\} 0\n/)
  })

  it('reports money that was made by going past the ledger', async () => {
    await wallets.users(1)
    await tamper(+7)
    try {
      const { body } = await wallets.get('/wallets/audit')
      expect(body.sound).toBe(false)
      expect(body.currencies[0].imbalance).toBe(-7)
      const metrics = await wallets.get('/metrics')
      expect(metrics.body).toMatch(/payflow_ledger_imbalance_minor\{currency="USD",[^}]*\} -7\n/)
    } finally {
      await tamper(-7)
    }
    await wallets.audit()
  })
})

async function tamper(amountMinor: number): Promise<void> {
  await wallets.database.db.transaction().execute(async (trx) => {
    // Only a superuser can switch the ledger's own guards off.
    await sql`set local session_replication_role = replica`.execute(trx)
    await sql`
      update ledger.account set posted_credits_minor = posted_credits_minor + ${amountMinor}
      where id = (select account_id from public.wallets order by user_id limit 1)`.execute(trx)
  })
}
