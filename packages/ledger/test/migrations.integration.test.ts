/* Goal: the schema can be brought up from nothing, by several processes, twice, and beside another. */
import { randomUUID } from 'node:crypto'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { Migrator } from 'kysely/migration'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLedger, createLedgerMigrations, migrateLedger } from '../src/index.ts'
import { times } from './support/fixture.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

describe('migrateLedger', () => {
  test('may be run by several processes at once, and again', async () => {
    await Promise.all(times(4, () => migrateLedger(database.db)))
    await migrateLedger(database.db)
    expect((await createLedger().verify(database.db)).clean).toBe(true)
  })

  test('two ledgers live side by side in schemas of their own', async () => {
    await migrateLedger(database.db, { schema: 'second' })
    const [first, second] = [createLedger(), createLedger({ schema: 'second' })]
    const account = { id: randomUUID(), currency: 'USD', kind: 'asset' } as const
    expect((await second.accounts.create(database.db, account)).outcome).toBe('created')
    expect(await first.accounts.get(database.db, account.id)).toBeNull()
    expect(await second.accounts.get(database.db, account.id)).toMatchObject(account)
  })

  test('names the migration that failed and keeps nothing of it', async () => {
    await using other = await createTestDatabase()
    await other.pool.query('create schema ledger; create table ledger.hold (id int)')
    await expect(migrateLedger(other.db)).rejects.toMatchObject({
      code: 'LEDGER_MIGRATION_FAILED',
      message: expect.stringContaining('ledger_0001_tables') as string,
    })
    const { rows } = await other.pool.query("select to_regclass('ledger.account') as account")
    expect(rows).toEqual([{ account: null }])
  })
})

describe('createLedgerMigrations', () => {
  test('serves a Migrator of the application', async () => {
    await using other = await createTestDatabase()
    const migrator = new Migrator({ db: other.db, provider: createLedgerMigrations() })
    const { error, results } = await migrator.migrateToLatest()
    expect(error).toBeUndefined()
    expect(results?.map((result) => result.migrationName)).toEqual([
      'ledger_0001_tables',
      'ledger_0002_functions',
      'ledger_0003_complete',
    ])
    expect((await createLedger().verify(other.db)).clean).toBe(true)
  })
})
