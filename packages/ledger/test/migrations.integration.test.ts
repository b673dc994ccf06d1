/*
 * Goal: the schema can be brought up from nothing, by several processes, twice, and beside another;
 * and what it was brought up with is known.
 */
import { randomUUID } from 'node:crypto'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { Migrator } from 'kysely/migration'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createLedger, createLedgerMigrations, migrateLedger } from '../src/index.ts'
import { MIGRATIONS } from '../src/migrations/numbered.ts'
import { times } from './support/fixture.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.dispose())

/** Name and checksum of every migration that has run. */
async function recordOf(db: TestDatabase, schema = 'ledger') {
  const { rows } = await db.pool.query<{ name: string; checksum: string; adopted: boolean }>(
    `select name, checksum, adopted from ${schema}.migration_checksum order by name`,
  )
  return rows
}

const migratorOf = (db: TestDatabase) =>
  new Migrator({ db: db.db, provider: createLedgerMigrations() })

/** Takes the newest migration out of what has run, so that it is still to come. */
async function forgetNewest({ pool }: TestDatabase): Promise<void> {
  for (const table of ['ledger.migration', 'ledger.migration_checksum']) {
    await pool.query(`delete from ${table} where name = (select max(name) from ${table})`)
  }
}

describe('migrateLedger', () => {
  test('may be run by several processes at once, and again', async () => {
    await Promise.all(times(4, () => migrateLedger(database.db)))
    await migrateLedger(database.db)
    expect((await createLedger().verify(database.db)).clean).toBe(true)
  })

  test('two ledgers live side by side in schemas of their own', async () => {
    await migrateLedger(database.db, { schema: 'second', roles: 'none' })
    const [first, second] = [createLedger(), createLedger({ schema: 'second' })]
    const account = { id: randomUUID(), currency: 'USD', kind: 'asset' } as const
    expect((await second.accounts.create(database.db, account)).outcome).toBe('created')
    expect(await first.accounts.get(database.db, account.id)).toBeNull()
    expect(await second.accounts.get(database.db, account.id)).toMatchObject(account)
    expect(await recordOf(database, 'second')).toEqual(await recordOf(database, 'ledger'))
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

describe('checksums', () => {
  test('are recorded for every migration, by the code that runs it', async () => {
    const expected = MIGRATIONS.map((one) => ({
      name: one.name,
      checksum: one.checksum(),
      adopted: false,
    }))
    expect(await recordOf(database)).toEqual(expected)
    await using other = await createTestDatabase()
    await migratorOf(other).migrateToLatest()
    expect(await recordOf(other)).toEqual(expected)
  })

  test.each([
    ['nothing is left to run', () => Promise.resolve()],
    ['a migration is left to run', forgetNewest],
  ] as const)('that differ stop migrateLedger when %s', async (_, prepare) => {
    await using other = await createTestDatabase({ migrate: migrateLedger })
    await prepare(other)
    await other.pool.query(`update ledger.migration_checksum set checksum = 'edited'
      where name = 'ledger_0003_complete'`)
    const before = await recordOf(other)
    await expect(migrateLedger(other.db)).rejects.toMatchObject({
      code: 'LEDGER_MIGRATION_CHANGED',
      message: expect.stringContaining('ledger_0003_complete') as string,
    })
    expect(await recordOf(other)).toEqual(before)
  })

  test('that differ stop a Migrator of the application', async () => {
    await using other = await createTestDatabase()
    const migrator = migratorOf(other)
    await migrator.migrateTo('ledger_0003_complete')
    await other.pool.query(`update ledger.migration_checksum set checksum = 'edited'
      where name = 'ledger_0001_tables'`)
    const { error } = await migrator.migrateToLatest()
    expect(error).toMatchObject({
      code: 'LEDGER_MIGRATION_CHANGED',
      message: expect.stringContaining('ledger_0001_tables') as string,
    })
  })

  test.each(['migration', 'migration_checksum'])(
    'of a newer package in %s stop migrateLedger, which names the migration',
    async (table) => {
      await using other = await createTestDatabase({ migrate: migrateLedger })
      await other.pool.query(
        table === 'migration'
          ? "insert into ledger.migration values ('ledger_9999_more', '2099-01-01T00:00:00.000Z')"
          : "insert into ledger.migration_checksum values ('ledger_9999_more', 'abc')",
      )
      await expect(migrateLedger(other.db)).rejects.toMatchObject({
        code: 'LEDGER_SCHEMA_NEWER',
        message: expect.stringContaining('ledger_9999_more') as string,
      })
    },
  )

  test('of a newer package stop a Migrator of the application', async () => {
    await using other = await createTestDatabase()
    const migrator = migratorOf(other)
    await migrator.migrateTo('ledger_0003_complete')
    await other.pool.query("insert into ledger.migration_checksum values ('ledger_9999_more', 'a')")
    expect((await migrator.migrateToLatest()).error).toMatchObject({ code: 'LEDGER_SCHEMA_NEWER' })
  })
})

describe('createLedgerMigrations', () => {
  test('and migrateLedger may be exchanged for each other at any time', async () => {
    await using other = await createTestDatabase()
    const migrator = migratorOf(other)
    await migrator.migrateTo('ledger_0002_functions')
    await migrateLedger(other.db)
    const { error, results } = await migrator.migrateToLatest()
    expect([error, results?.map(({ status }) => status)]).toEqual([
      undefined,
      ['Success', 'Success'],
    ])
    expect((await createLedger().verify(other.db)).clean).toBe(true)
    // As the first release would: with a Migrator on the notes of migrateLedger.
    const { results: again } = await new Migrator({
      db: other.db,
      provider: createLedgerMigrations(),
      migrationTableSchema: 'ledger',
      migrationTableName: 'migration',
      migrationLockTableName: 'migration_lock',
    }).migrateToLatest()
    expect(again).toEqual([])
  })

  test('are each whole or nothing where the Migrator opens no transaction', async () => {
    await using other = await createTestDatabase()
    await other.pool.query('create schema ledger; create table ledger.hold (id int)')
    const { error } = await migratorOf(other).migrateToLatest({ disableTransactions: true })
    expect(error).toMatchObject({ code: '42P07' })
    const { rows } = await other.pool.query("select to_regclass('ledger.account') as account")
    expect(rows).toEqual([{ account: null }])
    await other.pool.query('drop table ledger.hold')
    const again = await migratorOf(other).migrateToLatest({ disableTransactions: true })
    expect(again.error).toBeUndefined()
    expect((await createLedger().verify(other.db)).clean).toBe(true)
  })

  test('serves a Migrator of the application', async () => {
    await using other = await createTestDatabase()
    const migrator = migratorOf(other)
    const { error, results } = await migrator.migrateToLatest()
    expect(error).toBeUndefined()
    expect(results?.map((result) => result.migrationName)).toEqual([
      'ledger_0001_tables',
      'ledger_0002_functions',
      'ledger_0003_complete',
      'ledger_0004_functions',
    ])
    expect((await createLedger().verify(other.db)).clean).toBe(true)
  })
})
