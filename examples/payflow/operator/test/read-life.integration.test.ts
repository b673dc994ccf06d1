/*
 * Goal: no payment that is well is called a contradiction because it went on while it was read.
 * Method: real databases, and after an answer that a test chooses the payment goes on, before the
 * next question is asked. The broker has no queues of PayFlow: what is parked is not known.
 */
import { randomUUID } from 'node:crypto'
import { migrateNotification } from '@payflow-app/migrations'
import { createTestDatabase, sharedServers, type TestDatabase } from '@payflow/testkit'
import { CompiledQuery, Kysely, PostgresDialect, sql, type KyselyPlugin } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { findPayments } from '../src/life/find-payment.ts'
import { readLife } from '../src/life/read-life.ts'
import { verdictOf } from '../src/life/verdict.ts'
import type { BookName } from '../src/places.ts'
import { openStores, type Stores } from '../src/stores.ts'
import {
  ADA,
  BOB,
  capture,
  EVE,
  forge,
  hold,
  openBookkeeping,
  PAID,
  PAID_BACK,
  reverse,
  writeClaim,
  writePayment,
  type Bookkeeping,
} from './support/bookkeeping.ts'

let books: Bookkeeping
let notification: TestDatabase
let stores: Stores

beforeAll(async () => {
  books = await openBookkeeping()
  notification = await createTestDatabase({
    migrate: migrateNotification,
    cacheKey: 'payflow-notification',
  })
  stores = openStores({
    databases: { ...books.urls, notification: notification.url },
    rabbitmqUrl: sharedServers().rabbitmqUrl,
  })
})
afterAll(async () => {
  await stores?.[Symbol.asyncDispose]()
  await books?.[Symbol.asyncDispose]()
  await notification?.dispose()
})

type Row = Readonly<Record<string, unknown>>

/** The stores, where `goOn` comes between the first answer of a book that `is` it and what follows. */
function goingOn(book: BookName, is: (rows: readonly Row[]) => boolean, goOn: () => Promise<void>) {
  let done = false
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (!done && is(result.rows)) {
        done = true
        await goOn()
      }
      return result
    },
  }
  const hooked: Stores = {
    ...stores,
    books: {
      book: (name) => {
        const db = stores.books.book(name)
        return name === book ? db.withPlugin(plugin) : db
      },
    },
  }
  return { stores: hooked, wentOn: () => done }
}

/** Asks for a payment of 10 from Ada to Bob, whose money is held. */
async function claim(): Promise<string> {
  const id = await hold(books.wallet, {})
  await writeClaim(books.transaction, id)
  return id
}

async function accept(id: string): Promise<void> {
  await sql`insert into payments (id, from_user_id, to_user_id, amount_minor, currency,
      idempotency_key, fingerprint, message_id, dispatched_at)
    values (${id}, ${ADA}, ${BOB}, 10, 'USD', ${id}, '', ${randomUUID()}, now())`.execute(
    books.transaction,
  )
}

async function complete(id: string): Promise<void> {
  await capture(books.wallet, id)
  await sql`update payments set status = 'COMPLETED', completed_at = now(), resolved_by = 'worker'
    where id = ${id}`.execute(books.transaction)
}

async function refuse(id: string, agoMs = 0): Promise<void> {
  await sql`update payment_claims set refusal = '{"code": "insufficient-funds"}',
      refused_at = now() - make_interval(secs => ${agoMs}::float8 / 1000)
    where payment_id = ${id}`.execute(books.transaction)
}

/** Says that the hold of a payment was placed an hour ago. */
async function placedLongAgo(id: string): Promise<void> {
  await forge(
    books.wallet,
    sql`update ledger.hold set created_at = now() - interval '1 hour' where id = ${id}`,
  )
}

const judged = async (id: string) => verdictOf(await readLife(stores, id))

const any = () => true

/** An id that begins with the time, as those of messages do. */
function uuidv7(): string {
  const time = Date.now().toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}

test('a payment that ends between its row and its events is pending in both', async () => {
  const id = await claim()
  await accept(id)
  const isRow = ([row]: readonly Row[]): boolean => row?.['messageId'] !== undefined
  const { stores: hooked, wentOn } = goingOn('transaction', isRow, () => complete(id))
  const facts = await readLife(hooked, id)
  expect(wentOn()).toBe(true)
  expect([facts.payment?.status, facts.events.map(({ type }) => type)]).toEqual([
    'PENDING',
    ['accepted', 'dispatched'],
  ])
  expect(verdictOf(facts)).toMatchObject({ state: 'on-its-way' })
  expect(verdictOf(await readLife(stores, id))).toMatchObject({ state: 'ended' })
})

test.each<[when: string, book: BookName]>([
  ['before the ledger is read', 'notification'],
  ['after the ledger was read', 'wallet'],
])('a payment that is made and ends %s is told of as it ended', async (_, book) => {
  const id = await claim()
  const { stores: hooked, wentOn } = goingOn(book, any, async () => {
    await accept(id)
    await complete(id)
  })
  const facts = await readLife(hooked, id)
  expect(wentOn()).toBe(true)
  expect(facts).toMatchObject({ payment: { status: 'COMPLETED' }, transfers: [{ id }] })
  expect(verdictOf(facts)).toMatchObject({
    state: 'ended',
    sentence: 'Completed: the money moved, once.',
  })
})

test('a request that is neither accepted nor refused yet is in progress', async () => {
  const verdict = verdictOf(await readLife(stores, await claim()))
  expect(verdict.state).toBe('on-its-way')
  expect(verdict.sentence).toContain('is in progress or was cut off')
})

test('money that moved for a claim without a payment stays a contradiction', async () => {
  const id = await claim()
  await complete(id)
  expect(verdictOf(await readLife(stores, id))).toMatchObject({
    state: 'contradiction',
    sentence: 'Money moved, and there is no payment.',
  })
})

describe('what does not agree with the journal', () => {
  const paymentOf = async (row: Parameters<typeof writePayment>[1]) => {
    const id = await hold(books.wallet, {})
    await capture(books.wallet, id)
    return await writePayment(books.transaction, { ...row, id }, 'COMPLETED')
  }

  it.each([
    { what: 'the amount', row: { amountMinor: 700n }, says: 'amountMinor is 700, posted 10' },
    { what: 'the recipient', row: { to: EVE }, says: `toUserId is ${EVE}, posted ${BOB}` },
    { what: 'the sender', row: { from: EVE }, says: `fromUserId is ${EVE}, posted ${ADA}` },
  ])('is a contradiction: $what', async ({ row, says }) => {
    expect(await judged(await paymentOf(row))).toMatchObject({
      state: 'contradiction',
      sentence: `The journal says otherwise: ${says}.`,
    })
  })

  it('is a contradiction: more refunds than there was to refund', async () => {
    expect(await judged(PAID)).toMatchObject({ state: 'ended' })
    const refund = { kind: 'refund', from: BOB, to: ADA, refundOf: PAID } as const
    const id = await reverse(books.wallet, PAID, { amountMinor: 50n })
    await writePayment(books.transaction, { ...refund, id, amountMinor: 50n }, 'COMPLETED')
    expect(await judged(PAID)).toMatchObject({ state: 'ended' })
    await writePayment(books.transaction, { ...refund, amountMinor: 1n }, 'COMPLETED')
    expect(await judged(PAID)).toMatchObject({
      state: 'contradiction',
      sentence: 'More of it was refunded than was paid.',
    })
    expect(await judged(PAID_BACK)).toMatchObject({ state: 'ended' })
  })

  it('is a contradiction: money that is held though the payment has ended', async () => {
    const id = await hold(books.wallet, {})
    await writePayment(books.transaction, { id }, 'FAILED')
    expect(await judged(id)).toMatchObject({ sentence: 'FAILED, and its money is held.' })
  })
})

describe('a request that was refused', () => {
  const nothingHeld = 'Refused: insufficient-funds. No payment was made and no money is held.'

  it('holds no money when its hold was released, or has run out', async () => {
    const id = randomUUID()
    await writeClaim(books.transaction, id)
    await refuse(id)
    expect(await judged(id)).toEqual({ state: 'ended', sentence: nothingHeld })

    const runOut = await claim()
    await refuse(runOut, 3_600_000)
    await placedLongAgo(runOut)
    expect(await judged(runOut)).toMatchObject({ state: 'contradiction' })
    await forge(
      books.wallet,
      sql`update ledger.hold set expires_at = now() - interval '1 minute' where id = ${runOut}`,
    )
    expect(await judged(runOut)).toEqual({ state: 'ended', sentence: nothingHeld })
  })

  it('may hold money for as long as a twin of it takes, and no longer', async () => {
    const id = await claim()
    await refuse(id)
    const soon = await judged(id)
    expect(soon.state).toBe('on-its-way')
    expect(soon.sentence).toContain('Money is held yet')
    await refuse(id, 3_600_000)
    await placedLongAgo(id)
    expect(await judged(id)).toMatchObject({
      state: 'contradiction',
      sentence: 'It was refused, and its money is held.',
    })
  })
})

test('a request that decides nothing and holds money for ever is a contradiction', async () => {
  const id = await hold(books.wallet, {}, null)
  await writeClaim(books.transaction, id)
  expect(await judged(id)).toMatchObject({ state: 'on-its-way' })
  await placedLongAgo(id)
  expect(await judged(id)).toMatchObject({
    state: 'contradiction',
    sentence: 'Its money is held for ever, and there is no payment.',
  })
})

test('a payment that nobody ends is for somebody to look at', async () => {
  const id = await hold(books.wallet, {})
  const createdAt = new Date(Date.now() - 3_600_000)
  await writePayment(books.transaction, { id, createdAt }, 'PENDING')
  const verdict = await judged(id)
  expect(verdict.state).toBe('needs-you')
  expect(verdict.sentence).toContain('for longer than the reversal leaves any payment')
})

describe('findPayments', () => {
  it('finds a payment by its id, its key, and the ids of its messages', async () => {
    const [messageId, event] = [uuidv7(), randomUUID()]
    const id = await claim()
    await accept(id)
    const db = books.transaction
    await sql`update payments set message_id = ${messageId} where id = ${id}`.execute(db)
    await sql`insert into queue.outbox (id, partition, key, exchange, routing_key, type, headers, payload)
      values (${event}, 0, ${id}, '', '', 'payments.completed', '{}', '')`.execute(db)
    const key = `key of ${id}`
    await sql`update payment_claims set key = ${key} where payment_id = ${id}`.execute(db)
    const by = async (text: string) => [
      ...new Set((await findPayments(db, text)).map((one) => `${one.by} ${one.paymentId}`)),
    ]
    expect(await by(id)).toEqual([`payment id ${id}`])
    expect(await by(id.toUpperCase())).toEqual([`payment id ${id}`])
    expect(await by(key)).toEqual([`idempotency key ${id}`])
    expect(await by(messageId)).toEqual([`message id ${id}`])
    expect(await by(event)).toEqual([`message id ${id}`])
    expect(await by(randomUUID())).toEqual([])
    expect(await by('no such thing')).toEqual([])
  })

  it('walks through no table', async () => {
    const db = books.transaction
    await sql`insert into payments (id, from_user_id, to_user_id, amount_minor, currency,
        idempotency_key, fingerprint, message_id, created_at)
      select gen_random_uuid(), ${ADA}, ${BOB}, 1, 'USD', no::text, '', gen_random_uuid(),
        now() - make_interval(hours => no)
      from generate_series(1, 3000) as no`.execute(db)
    await sql`insert into payment_claims (user_id, key, payment_id, fingerprint)
      select from_user_id, id::text, id, '' from payments
      on conflict do nothing`.execute(db)
    await sql`insert into queue.outbox (id, partition, key, exchange, routing_key, type, headers, payload)
      select gen_random_uuid()::text, 0, id::text, '', '', '', '{}', '' from payments`.execute(db)
    await sql`analyze payments, payment_claims, queue.outbox`.execute(db)
    const asked: CompiledQuery[] = []
    const pool = new pg.Pool({ connectionString: books.urls.transaction })
    const listening = new Kysely<any>({
      dialect: new PostgresDialect({ pool }),
      log: ({ query }) => void asked.push(query),
    })
    await findPayments(listening, uuidv7())
    await listening.destroy()
    expect(asked).toHaveLength(4)
    for (const { sql: text, parameters } of asked) {
      const explain = CompiledQuery.raw(`explain (format json) ${text}`, [...parameters])
      const { rows } = await db.executeQuery<Row>(explain)
      expect(JSON.stringify(rows)).toContain('Index')
      expect(JSON.stringify(rows)).not.toContain('Seq Scan')
    }
  })
})
