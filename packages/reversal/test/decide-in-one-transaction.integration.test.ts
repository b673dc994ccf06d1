// The example of the README, run as it is printed there.
import { randomUUID } from 'node:crypto'
import { createLedger, migrateLedger } from '@payflow/ledger'
import { createTestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stalePayments } from '../examples/decide-in-one-transaction.ts'
import type { Wallet } from '../examples/decide-in-one-transaction.ts'
import { migrateReversal } from '../src/index.ts'
import { migratePayments } from './support/payments.ts'

const ledger = createLedger()
let database: Awaited<ReturnType<typeof createTestDatabase>>
let db: Kysely<Wallet>

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: async (empty) => {
      await migratePayments(empty)
      await migrateLedger(empty)
      await migrateReversal(empty)
      await sql`create table mails (payment_id uuid not null, text text not null)`.execute(empty)
    },
  })
  db = database.db as Kysely<Wallet>
})
afterAll(() => database.dispose())

describe('the example', () => {
  it('gives the money back, records it and writes the mail in one transaction', async () => {
    const [debitAccountId, creditAccountId, id] = [randomUUID(), randomUUID(), randomUUID()]
    for (const account of [debitAccountId, creditAccountId]) {
      await ledger.accounts.create(db, { id: account, currency: 'USD', kind: 'liability' })
    }
    const accounts = { debitAccountId, creditAccountId }
    await ledger.hold(db, { id, ...accounts, amountMinor: 500n, currency: 'USD' })
    await sql`insert into payments (id, created_at) values (${id}, now() - interval '2 minutes')
      `.execute(db)
    const job = stalePayments(db, ledger)
    const { rows } = await job.report()
    expect(rows).toMatchObject([{ id, wouldBe: 'reversed' }])
    expect(await job.run()).toMatchObject({ reversed: 1, massReversal: undefined })
    expect(await ledger.lookup(db, id)).toMatchObject({ hold: { state: 'released' } })
    const payment = await db.selectFrom('payments').selectAll().executeTakeFirstOrThrow()
    expect(payment).toMatchObject({ status: 'FAILED', failure_code: 'reversed_timeout' })
    expect(await db.selectFrom('mails').selectAll().execute()).toEqual([
      { payment_id: id, text: 'reversed' },
    ])
    expect((await job.metrics()).logbook).toMatchObject({ runs: 1, reversed: 1 })
  })
})
