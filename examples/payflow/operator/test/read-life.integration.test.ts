/*
 * Goal: no payment that is well is called a contradiction because it went on while it was read.
 * Method: real databases, and after an answer that a test chooses the payment goes on, before the
 * next question is asked. The broker has no queues of PayFlow: what is parked is not known.
 */
import { randomUUID } from 'node:crypto'
import { migrateNotification, migrateTransaction, migrateWallet } from '@payflow-app/migrations'
import { createLedger } from '@payflow/ledger'
import { createTestDatabase, sharedServers, type TestDatabase } from '@payflow/testkit'
import { sql, type KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readLife } from '../src/life/read-life.ts'
import { verdictOf } from '../src/life/verdict.ts'
import type { BookName } from '../src/places.ts'
import { openStores, type Stores } from '../src/stores.ts'

let databases: Readonly<Record<BookName, TestDatabase>>
let stores: Stores
const [bank, wallet] = [randomUUID(), randomUUID()]
const ledger = createLedger()

beforeAll(async () => {
  const [transaction, walletBook, notification] = await Promise.all([
    createTestDatabase({ migrate: migrateTransaction, cacheKey: 'payflow-transaction' }),
    createTestDatabase({ migrate: (db) => migrateWallet(db), cacheKey: 'payflow-wallet' }),
    createTestDatabase({ migrate: migrateNotification, cacheKey: 'payflow-notification' }),
  ])
  databases = { transaction, wallet: walletBook, notification }
  stores = openStores({
    databases: {
      transaction: transaction.url,
      wallet: walletBook.url,
      notification: notification.url,
    },
    rabbitmqUrl: sharedServers().rabbitmqUrl,
  })
  const { db } = walletBook
  await ledger.accounts.create(db, { id: bank, currency: 'USD', kind: 'asset' })
  await ledger.accounts.create(db, { id: wallet, currency: 'USD', kind: 'liability' })
})
afterAll(async () => {
  await stores?.[Symbol.asyncDispose]()
  await Promise.all(Object.values(databases ?? {}).map((database) => database.dispose()))
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

async function claim(): Promise<string> {
  const id = randomUUID()
  await sql`insert into payment_claims (user_id, key, payment_id, fingerprint)
    values (${randomUUID()}, ${id}, ${id}, '')`.execute(databases.transaction.db)
  return id
}

async function accept(id: string): Promise<void> {
  await sql`insert into payments (id, from_user_id, to_user_id, amount_minor, currency,
      idempotency_key, fingerprint, message_id, dispatched_at)
    values (${id}, ${randomUUID()}, ${randomUUID()}, 700, 'USD', ${id}, '', ${randomUUID()}, now())`.execute(
    databases.transaction.db,
  )
}

async function complete(id: string): Promise<void> {
  const sides = { debitAccountId: bank, creditAccountId: wallet }
  const moved = await ledger.transfer(databases.wallet.db, {
    id,
    ...sides,
    amountMinor: 700n,
    currency: 'USD',
  })
  expect(moved.outcome).toBe('created')
  await sql`update payments set status = 'COMPLETED', completed_at = now(), resolved_by = 'worker'
    where id = ${id}`.execute(databases.transaction.db)
}

const any = () => true

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
