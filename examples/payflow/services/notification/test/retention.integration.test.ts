/*
 * Goal: who was told of what is forgotten in time, and no mail that is still to be sent.
 * Method: the rules of the service on its migrated database, whose rows are made old by hand.
 */
import { randomUUID } from 'node:crypto'
import { migrateNotification } from '@payflow-app/migrations'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { retentionOf } from '../src/retention.ts'

let database: TestDatabase
const [mails, notifications] = retentionOf({ mailDays: 90, notificationDays: 400 })

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: migrateNotification,
    cacheKey: 'payflow-notification',
  })
})
afterAll(async () => {
  await database.dispose()
})

/** Purges by one rule, a batch of two rows. */
const batch = (rule: typeof mails) =>
  database.db.transaction().execute(async (trx) => await rule?.purge(trx, 2))

test('mails go 90 days after they came to their end, and unsent ones never', async () => {
  for (const [state, daysAgo] of [
    ['sent', 91],
    ['skipped', 92],
    ['failed', 93],
    ['sent', 89],
    ['pending', 200],
  ] as const) {
    const isUnsent = state === 'pending'
    await sql`insert into mail_deliveries (id, event_id, user_id, kind, urgency, about, state, reason,
        give_up_at, created_at, settled_at)
      values (${randomUUID()}, ${randomUUID()}, ${randomUUID()}, 'payment_sent', 1, '{}', ${state},
        'because', now(), now() - make_interval(days => ${daysAgo}),
        case when not ${isUnsent}::boolean then now() - make_interval(days => ${daysAgo}) end)`.execute(
      database.db,
    )
  }
  expect([await batch(mails), await batch(mails), await batch(mails)]).toEqual([2, 1, 0])
  const left = await sql`select state from mail_deliveries order by state`.execute(database.db)
  expect(left.rows).toEqual([{ state: 'pending' }, { state: 'sent' }])
})

test('notifications go after 400 days', async () => {
  for (const daysAgo of [1, 399, 401, 500, 600]) {
    await sql`insert into notifications (id, event_id, user_id, kind, payment_id, counterparty_id,
        amount_minor, currency, created_at)
      values (${randomUUID()}, ${randomUUID()}, ${randomUUID()}, 'payment_sent', ${randomUUID()},
        ${randomUUID()}, 1, 'USD', now() - make_interval(days => ${daysAgo}))`.execute(database.db)
  }
  const rounds = [
    await batch(notifications),
    await batch(notifications),
    await batch(notifications),
  ]
  expect(rounds).toEqual([2, 1, 0])
  const left = await sql`select from notifications`.execute(database.db)
  expect(left.rows).toHaveLength(2)
})
