/*
 * Goal: an operator with one command sees where every payment is, puts right what was given up, and
 * knows by an exit code whether the books are sound.
 * Method: `payflow` as its own process against every process of PayFlow, which is hurt on purpose.
 */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { QUEUES } from '@payflow-app/contracts'
import { PaymentExecute } from '@payflow-app/contracts/messages'
import { startStack, type Stack } from '@payflow-app/stack'
import { createBus, type Bus } from '@payflow/queue'
import { waitFor } from '@payflow/testkit'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { auditPayment, settle, User } from './src/index.ts'

const bin = resolve(import.meta.dirname, '../operator/bin/payflow.ts')

let stack: Stack
let ada: User
let bob: User
let db: Kysely<any>
let bus: Bus<any>

beforeAll(async () => {
  stack = await startStack()
  ;[ada, bob] = (await Promise.all([User.register(stack.url), User.register(stack.url)])) as [
    User,
    User,
  ]
  const pool = new pg.Pool({ connectionString: stack.adminUrl('transaction'), max: 2 })
  pool.on('error', () => undefined)
  db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  bus = createBus({
    broker: { url: stack.server('rabbitmq').url },
    db,
    source: 'test',
    topology: {
      exchange: 'payflow',
      bindings: [{ queue: QUEUES.execute, types: [PaymentExecute.type] }],
    },
  })
})
afterAll(async () => {
  await bus?.drain({ deadlineMs: 2_000 })
  await db?.destroy()
  await stack?.stop()
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

function payflow(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  return new Promise((done) => {
    execFile(
      process.execPath,
      ['--conditions=@payflow/source', bin, ...args],
      { env: { PATH: process.env['PATH'], PAYFLOW_DIR: dirname(stack.stackFile), ...env } },
      (error, out, err) => done({ code: error ? Number(error.code) : 0, out, err }),
    )
  })
}

/** One command, of which a program reads the answer. */
async function json<T = any>(...args: string[]): Promise<T> {
  const { code, out, err } = await payflow([...args, '--json'])
  expect([code, err]).toEqual([0, ''])
  return JSON.parse(out) as T
}

async function paid(key: string = randomUUID()): Promise<string> {
  const { body } = await ada.pay({ toUserId: bob.id, amount: 700 }, key)
  return body.id
}

/** Waits until so many messages are parked. */
const parkedAre = (count: number) =>
  waitFor(async () => (await bus.queueDepth(`${QUEUES.execute}.parked`)).ready === count, {
    timeoutMs: 60_000,
    message: `${count} messages to be parked`,
  })

describe('payflow payment', () => {
  it('tells the life of a payment by its id, its key, or a message about it', async () => {
    const key = randomUUID()
    const id = await paid(key)
    await settle(ada, id)
    await waitFor(async () => (await auditPayment(stack, id)).notifications === 2)
    const facts = await json('payment', id)
    expect(facts).toMatchObject({
      paymentId: id,
      verdict: { state: 'ended', sentence: 'Completed: the money moved, once.' },
      claim: { key },
      payment: { status: 'COMPLETED', amountMinor: '700', resolvedBy: 'worker' },
      hold: { state: 'captured' },
      parked: [],
    })
    const wheres = new Set(facts.timeline.map(({ where }: { where: string }) => where))
    expect(wheres).toEqual(
      new Set(['claim', 'ledger', 'payment', 'outbox', 'inbox', 'notification', 'mail']),
    )
    for (const text of [key, facts.payment.messageId, facts.messages.at(-1).id]) {
      expect(await json('payment', text)).toMatchObject({ paymentId: id })
    }
    const shown = await payflow(['payment', id])
    expect(shown.out).toContain(`payment of 7.00 USD, COMPLETED`)
    expect(shown.out).toContain('Completed: the money moved, once.')
    expect(shown.out).not.toContain('\u001B')
  })

  it('says what a refused request, and one that nobody knows, have become', async () => {
    const key = randomUUID()
    await ada.pay({ toUserId: bob.id, amount: 99_999_999 }, key)
    expect(await json('payment', key)).toMatchObject({
      verdict: { sentence: expect.stringContaining('Refused: insufficient-funds') },
    })
    const absent = await payflow(['payment', randomUUID()])
    expect(absent).toMatchObject({ code: 4, out: '' })
    expect(absent.err).toContain('no payment has the id')
  })
})

describe('payflow queue depth', () => {
  it('shows each queue, and who takes from it', async () => {
    await settle(ada, await paid(), 60_000)
    // The payment is settled before what tells of it has left the outbox and the queues.
    let last: any
    const { queues, outbox } = await waitFor(
      async () => {
        last = await json('queue', 'depth')
        const waiting = last.queues.map((queue: { waiting: number }) => queue.waiting)
        return last.outbox.pending === 0 && waiting.every((count: number) => count === 0)
          ? last
          : undefined
      },
      { timeoutMs: 60_000, message: () => `nothing to wait: ${JSON.stringify(last)}` },
    )
    expect(queues).toMatchObject([
      { queue: QUEUES.execute, band: 'fine', waiting: 0, consumers: 1, parked: 0 },
      { queue: QUEUES.notifications, band: 'fine', waiting: 0, consumers: 1, parked: 0 },
    ])
    expect(queues[0].perSecond).toBeGreaterThan(0)
    expect(outbox).toMatchObject({ pending: 0, parked: 0 })
    await stack.stopService('worker')
    const id = await paid()
    await waitFor(async () => (await bus.queueDepth(QUEUES.execute)).ready === 1)
    const shown = await payflow(['queue', 'depth'])
    expect(shown.out).toContain('payments.execute: nobody takes from it, and 1 wait.')
    const waiting = await json('payment', id)
    expect(waiting.verdict).toMatchObject({ state: 'on-its-way' })
    expect((await json('queue', 'depth')).queues[0].oldestMs).toBeGreaterThan(0)
    await stack.startService('worker')
    await settle(ada, id, 60_000)
  })
})

describe('payflow redrive', () => {
  /** Parks the message of a payment that can be completed all the same; says what it is. */
  async function parkedPayment(): Promise<{ id: string; restore: () => Promise<unknown> }> {
    await stack.freeze('worker')
    const id = await paid()
    const hidden = randomUUID()
    const rename = (from: string, to: string) =>
      sql`update payments set id = ${to} where id = ${from}`.execute(db)
    await waitFor(async () => {
      const { rows } = await sql`select from payments
        where id = ${id} and dispatched_at is not null`.execute(db)
      return rows.length === 1
    })
    await rename(id, hidden)
    await stack.resume('worker')
    await parkedAre(1)
    return { id, restore: () => rename(hidden, id) }
  }

  it('sends back under the old id what can be done now, once, though asked twice', async () => {
    const { id, restore } = await parkedPayment()
    await restore()
    const [row] = await json('parked')
    expect(row).toMatchObject({
      queue: QUEUES.execute,
      key: id,
      reason: 'payment-unknown',
      about: `payment ${id}, 7.00 USD, PENDING`,
    })
    const before = await json('payment', id)
    expect(before.verdict).toMatchObject({ state: 'needs-you' })
    expect(before.payment.messageId).toBe(row.id)

    expect(await payflow(['redrive', id])).toMatchObject({ code: 2 })
    const unasked = await payflow(['redrive', id, '--because', 'the row is back'])
    expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining('--yes')])
    const dry = await payflow(['redrive', row.id, '--dry-run'])
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining('1 would be sent back')])
    await parkedAre(1)

    const twice = await Promise.all(
      [1, 2].map(() => payflow(['redrive', id, '--because', 'the row is back', '--yes'])),
    )
    // Whoever is second finds nothing, or sends a copy that the inbox knows.
    for (const { code } of twice) expect([0, 3, 4]).toContain(code)
    expect(twice.map(({ code }) => code)).toContain(0)
    await settle(ada, id, 60_000)
    expect(await auditPayment(stack, id)).toMatchObject({ status: 'COMPLETED', postings: 1 })
    await parkedAre(0)
    const { rows } = await sql<{ actor: string; reason: string }>`
      select reason from queue.operator_action where action = 'redrive'`.execute(db)
    expect(rows).toContainEqual({ reason: 'the row is back' })
  })

  it('shows a poison again when it was given up again', async () => {
    const [paymentId, fromUserId, toUserId] = [randomUUID(), randomUUID(), randomUUID()]
    const data = { paymentId, fromUserId, toUserId, amount: 1, currency: 'USD' as const }
    await bus.publish(PaymentExecute, data)
    await parkedAre(1)
    const sent = await payflow(['redrive', '--all', '--because', 'to see it again', '--yes'])
    expect(sent.out).toContain('payments.execute: 1 sent back')
    await parkedAre(1)
    expect((await payflow(['parked'])).out).toContain('payment-unknown')
  })
})

describe('payflow verify', () => {
  it('finds nothing while payments are made', async () => {
    const pays = Array.from({ length: 20 }, () => paid())
    const verified = await json('verify')
    expect(verified).toMatchObject({ sound: true, imbalanceMinor: 0 })
    for (const id of await Promise.all(pays)) await settle(ada, id, 60_000)
    const shown = await payflow(['verify'])
    expect([shown.code, shown.out]).toEqual([0, expect.stringContaining('The books are sound.')])
  })

  it('finds a payment whose row says another amount than moved', async () => {
    const id = await paid()
    await settle(ada, id, 60_000)
    const raise = (by: number) =>
      sql`update payments set amount_minor = amount_minor + ${by} where id = ${id}`.execute(db)
    await raise(1)
    const { code, out } = await payflow(['verify', '--json'])
    await raise(-1)
    expect(code).toBe(5)
    const listed = [`${id}: amountMinor is 701, posted 700`]
    expect(JSON.parse(out)).toMatchObject({
      sound: false,
      faults: { posted_otherwise: { count: 1, listed } },
    })
  })

  it('names what is wrong and says so by its exit code', async () => {
    const id = randomUUID()
    await sql`insert into payments (id, from_user_id, to_user_id, amount_minor, currency, status,
        idempotency_key, fingerprint, message_id, completed_at, resolved_by)
      values (${id}, ${ada.id}, ${bob.id}, 1, 'USD', 'COMPLETED', ${id}, '', ${id}, now(), 'worker')`.execute(
      db,
    )
    const { code, out } = await payflow(['verify', '--json'])
    expect(code).toBe(5)
    expect(JSON.parse(out)).toMatchObject({
      sound: false,
      faults: {
        completed_without_posting: { count: 1, listed: [id] },
        failed_with_posting: { count: 0 },
      },
    })
    const shown = await payflow(['payment', id])
    expect([shown.code, shown.out]).toEqual([
      5,
      expect.stringContaining('COMPLETED, and no money moved.'),
    ])
  })
})

describe('payflow', () => {
  it('says what is wrong with a command line, and where PayFlow must be', async () => {
    expect(await payflow(['--help'])).toMatchObject({ code: 0, err: '' })
    expect(await payflow(['payment'])).toMatchObject({ code: 2 })
    const nowhere = await payflow(['verify', '--dir', '/nowhere'])
    expect([nowhere.code, nowhere.err]).toEqual([2, expect.stringContaining('npm start')])
    const half = await payflow(['verify'], { RABBITMQ_URL: 'amqp://127.0.0.1:1' })
    expect([half.code, half.err]).toEqual([2, expect.stringContaining('WALLET_DATABASE_URL')])
    const url = 'postgres://nobody@127.0.0.1:1/none'
    const away = await payflow(['verify'], {
      TRANSACTION_DATABASE_URL: url,
      WALLET_DATABASE_URL: url,
      NOTIFICATION_DATABASE_URL: url,
      RABBITMQ_URL: 'amqp://127.0.0.1:1',
    })
    expect(away.code).toBe(1)
    expect(away.err).toContain('is it running?')
    expect(away.err).not.toContain('    at ')
  })
})
