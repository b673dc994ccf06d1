/*
 * Goal: whatever changes a payment writes what happened, once, where it cannot be changed.
 * Method: the statements of a writer against a migrated database, without any service.
 */
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyScripts } from '../src/app-migrator.ts'
import { migrateTransaction } from '../src/index.ts'
import { payments } from '../src/transaction/0001-payments.ts'
import { paymentTally } from '../src/transaction/0002-payment-tally.ts'
import { insertPending } from './support/index.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: migrateTransaction,
    cacheKey: 'payflow-transaction',
  })
})
afterAll(() => database.dispose())

type Db = TestDatabase['db']

const pending = (db: Db = database.db) => insertPending(db)

const dispatch = (db: Db, id: string) =>
  sql`update payments set dispatched_at = now() where id = ${id}`.execute(db)

const end = (db: Db, id: string, status: string, by: string, failureCode: string | null = null) =>
  sql`update payments set status = ${status}, completed_at = now(), resolved_by = ${by},
    failure_code = ${failureCode} where id = ${id} and status = 'PENDING'`.execute(db)

async function events(db: Db, id: string) {
  const { rows } = await sql<{ type: string; data: unknown }>`
    select type, data from payment_events where payment_id = ${id} order by id`.execute(db)
  return rows.map(({ type, data }) => [type, data])
}

describe('payment_events', () => {
  test('tells the life of a payment in its order', async () => {
    const { db } = database
    const id = await pending()
    await dispatch(db, id)
    await end(db, id, 'FAILED', 'worker', 'insufficient_funds')
    expect(await events(db, id)).toEqual([
      ['accepted', {}],
      ['dispatched', {}],
      ['failed', { resolvedBy: 'worker', failureCode: 'insufficient_funds' }],
    ])
    const { rows } = await sql`
      select type from payment_events join payments on payments.id = payment_id
      where payment_id = ${id} and at = case type when 'accepted' then created_at
        when 'dispatched' then dispatched_at else completed_at end`.execute(db)
    expect(rows).toHaveLength(3)
  })

  test.each([
    ['COMPLETED', 'worker', null, 'completed'],
    ['COMPLETED', 'reversal', null, 'completed'],
    ['FAILED', 'worker', 'hold_expired', 'failed'],
    ['FAILED', 'reversal', 'reversed_timeout', 'reversed'],
  ])('says how a payment ended: %s by %s', async (status, by, failureCode, type) => {
    const id = await pending()
    await end(database.db, id, status, by, failureCode)
    await dispatch(database.db, id)
    await dispatch(database.db, id) // moved, not dispatched again
    const data = { resolvedBy: by, ...(failureCode !== null && { failureCode }) }
    expect(await events(database.db, id)).toEqual([
      ['accepted', {}],
      [type, data],
      ['dispatched', {}],
    ])
  })

  test('forgets what was rolled back', async () => {
    const id = await pending()
    await database.db
      .transaction()
      .execute(async (trx) => {
        await end(trx, id, 'COMPLETED', 'worker')
        await pending(trx)
        throw new Error('no')
      })
      .catch(() => undefined)
    expect(await events(database.db, id)).toEqual([['accepted', {}]])
  })

  test('cannot be changed by its owner either', async () => {
    const { db } = database
    for (const change of ['update payment_events set at = now()', 'delete from payment_events']) {
      await expect(sql.raw(change).execute(db)).rejects.toThrow('only ever added to')
    }
    await expect(sql`truncate payment_events`.execute(db)).rejects.toThrow('only ever added to')
    const second = sql`insert into payment_events (payment_id, type, at)
      select payment_id, 'failed', now() from payment_events where type = 'completed'`
    await expect(second.execute(db)).rejects.toThrow('payment_events_one_end')
  })

  test('begins with what had happened before there were events', async () => {
    const before = await createTestDatabase({
      migrate: async (db) => {
        await applyScripts(db, { '0001-payments': payments, '0002-payment-tally': paymentTally })
      },
    })
    const { db } = before
    try {
      const ids = [await pending(db), await pending(db), await pending(db), await pending(db)]
      const [, dispatched = '', done = '', late = ''] = ids
      await dispatch(db, dispatched)
      await dispatch(db, done)
      await end(db, done, 'COMPLETED', 'worker')
      await end(db, late, 'FAILED', 'reversal', 'reversed_timeout')
      await dispatch(db, late)
      await migrateTransaction(db)
      await end(db, dispatched, 'COMPLETED', 'reversal')
      const lives = await Promise.all(ids.map((id) => events(db, id)))
      expect(lives.map((life) => life.map(([type]) => type))).toEqual([
        ['accepted'],
        ['accepted', 'dispatched', 'completed'],
        ['accepted', 'dispatched', 'completed'],
        ['accepted', 'reversed', 'dispatched'],
      ])
    } finally {
      await before.dispose()
    }
  })
})
