/*
 * Goal: a ledger of the first release is brought up to date without losing a row, or stays as it is.
 * Method: a dump of one, restored, migrated and compared with itself by query.
 */
import { randomUUID } from 'node:crypto'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { Migrator } from 'kysely/migration'
import { describe, expect, test } from 'vitest'
import { createLedger, createLedgerMigrations, migrateLedger } from '../src/index.ts'
import { MIGRATIONS } from '../src/migrations/numbered.ts'
import { FUNCTION_ACCESS } from '../src/sql/access.ts'
import { movement, times } from './support/fixture.ts'
import { OLD_ACCOUNTS, OLD_IDS, restoreFirstRelease } from './support/first-release.ts'
import { connectAs, giveDatabase, testRoles, urlAs } from './support/roles.ts'

const { ann, ben, cleo, dan, yenBank, yenWallet } = OLD_ACCOUNTS
const ledger = createLedger()

async function oldLedger(): Promise<TestDatabase> {
  const database = await createTestDatabase()
  await restoreFirstRelease(database.url)
  return database
}

async function rowsOf<R>({ pool }: TestDatabase, text: string): Promise<R[]> {
  return (await pool.query(text)).rows as R[]
}

const OLD_TABLES = ['account', 'currency', 'hold', 'transfer', 'migration', 'migration_lock']
const RENAMED: Record<string, string> = { capture_remainder: 'remainder' }

/** Copies every table as it is, with the names of its columns. */
async function keepCopies(database: TestDatabase): Promise<Map<string, string[]>> {
  const columns = new Map<string, string[]>()
  await database.pool.query('create schema kept')
  for (const table of OLD_TABLES) {
    await database.pool.query(`create table kept.${table} as table ledger.${table}`)
    const rows = await rowsOf<{ name: string }>(
      database,
      `select attname as name from pg_attribute
      where attrelid = 'ledger.${table}'::regclass and attnum > 0 and not attisdropped`,
    )
    columns.set(
      table,
      rows.map(({ name }) => name),
    )
  }
  return columns
}

/** How many rows of the copies are not in the tables, old column by old column. */
async function lostRows(database: TestDatabase, columns: Map<string, string[]>) {
  const lost: Record<string, number> = {}
  for (const [table, names] of columns) {
    const now = names.map((name) => RENAMED[name] ?? name)
    const [row] = await rowsOf<{ n: number }>(
      database,
      `select count(*)::int as n from (
        select ${names.join(', ')} from kept.${table}
        except all select ${now.join(', ')} from ledger.${table}) missing`,
    )
    lost[table] = row!.n
  }
  return lost
}

/** Moves money as the first release did: by the call that its functions answer. */
async function paysAsBefore(database: TestDatabase): Promise<string> {
  const [row] = await rowsOf<{ outcome: string }>(
    database,
    `select ledger.transfer('${randomUUID()}', '${ann}', '${ben}', 5, 'USD', null, null)
      ->> 'outcome' as outcome`,
  )
  return row!.outcome
}

async function objects(database: TestDatabase): Promise<unknown> {
  return rowsOf(
    database,
    `select oid::int as oid, xmin::text as xmin from pg_proc
      where pronamespace = 'ledger'::regnamespace
    union all select oid::int, xmin::text from pg_class where relnamespace = 'ledger'::regnamespace
    union all select 0, xmin::text from ledger.migration_checksum order by 1, 2`,
  )
}

describe('a ledger of the first release', () => {
  test('keeps every row with every column, and adds nothing to the journal', async () => {
    await using database = await oldLedger()
    const columns = await keepCopies(database)
    await migrateLedger(database.db)
    expect(await lostRows(database, columns)).toEqual(
      Object.fromEntries(OLD_TABLES.map((table) => [table, 0])),
    )
    const counts = await rowsOf(
      database,
      `select (select count(*)::int from ledger.transfer) as transfers,
        (select count(*)::int from ledger.hold) as holds,
        (select count(*)::int from ledger.account) as accounts`,
    )
    expect(counts).toEqual([{ transfers: 63, holds: 23, accounts: 9 }])
  })

  test('has sound chains over all of its rows', async () => {
    await using database = await oldLedger()
    await migrateLedger(database.db)
    expect(await ledger.verify(database.db)).toMatchObject({ clean: true, findings: [] })
    const unchained = await rowsOf(
      database,
      `select id from ledger.transfer
      where kind <> 'tombstone' and num_nulls(debit_hash, credit_hash) > 0`,
    )
    expect(unchained).toEqual([])
    const ends = await rowsOf(
      database,
      `select a.id from ledger.account a
      join ledger.transfer t on (t.debit_id, t.debit_seq) = (a.id, a.seq)
        or (t.credit_id, t.credit_seq) = (a.id, a.seq)
      where a.head = case when t.debit_id = a.id then t.debit_hash else t.credit_hash end
        and a.recorded_at = t.created_at`,
    )
    expect(ends).toHaveLength(9)
  })

  test('a changed row of it is found by verify', async () => {
    await using database = await oldLedger()
    await migrateLedger(database.db)
    await database.pool.query(`alter table ledger.transfer disable trigger user;
      update ledger.transfer set code = 'q2q' where id = '${OLD_IDS.transfer}'`)
    const { clean } = await ledger.verify(database.db)
    expect(clean).toBe(false)
  })

  test('answers old requests as before', async () => {
    await using database = await oldLedger()
    await migrateLedger(database.db)
    const { db } = database
    const old = {
      id: OLD_IDS.transfer,
      debitAccountId: ben,
      creditAccountId: ann,
      amountMinor: 1001n,
      currency: 'USD',
      code: 'p2p',
    }
    const yen = {
      id: OLD_IDS.yenTransfer,
      debitAccountId: yenBank,
      creditAccountId: yenWallet,
      amountMinor: 9_007_199_254_740_993n,
      currency: 'JPY',
      metadata: { n: 1, note: 'größer | "2^53"' },
    }
    const { captured, released, tombstone } = OLD_IDS
    expect(await ledger.transfer(db, old)).toMatchObject({ outcome: 'replayed' })
    expect(await ledger.transfer(db, yen)).toMatchObject({ outcome: 'replayed' })
    expect(await ledger.transfer(db, { ...old, amountMinor: 1n })).toMatchObject({
      outcome: 'conflict',
      differs: ['amountMinor'],
    })
    const outcomes = [
      await ledger.capture(db, { holdId: captured }),
      await ledger.release(db, { holdId: released }),
      await ledger.release(db, { holdId: tombstone }),
    ]
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(3).fill('replayed'))
    const refused = { outcome: 'rejected', reason: 'hold_released' }
    expect(await ledger.transfer(db, { ...old, id: tombstone })).toMatchObject(refused)
  })

  test('goes on where it was: open holds are captured, overdue ones are not', async () => {
    await using database = await oldLedger()
    await migrateLedger(database.db)
    const { db } = database
    const whole = await ledger.capture(db, { holdId: OLD_IDS.open })
    expect(whole).toMatchObject({ outcome: 'created', transfer: { amountMinor: 109n } })
    const rest = await ledger.capture(db, { holdId: OLD_IDS.openPartly, id: randomUUID() })
    expect(rest).toMatchObject({ outcome: 'created', transfer: { amountMinor: 68n } })
    expect(await ledger.capture(db, { holdId: OLD_IDS.overdue })).toMatchObject({
      outcome: 'rejected',
      reason: 'hold_expired',
    })
    expect(await ledger.transfer(db, movement(cleo, dan, 1n))).toMatchObject({ outcome: 'created' })
    expect((await ledger.verify(db)).clean).toBe(true)
  })

  test("keeps the foreign key of somebody else's table at work", async () => {
    await using database = await oldLedger()
    await database.pool.query(`create table orders (
        id int primary key, account_id uuid not null references ledger.account (id));
      insert into orders values (1, '${ann}')`)
    await migrateLedger(database.db)
    await database.pool.query(`insert into orders values (2, '${ben}')`)
    const stray = database.pool.query(`insert into orders values (3, '${randomUUID()}')`)
    await expect(stray).rejects.toMatchObject({ code: '23503' })
    expect(await ledger.transfer(database.db, movement(ann, ben, 1n))).toMatchObject({
      outcome: 'created',
    })
    expect(await rowsOf(database, 'select id from orders order by id')).toEqual([
      { id: 1 },
      { id: 2 },
    ])
  })

  test('is migrated once: a second migration touches nothing', async () => {
    await using database = await oldLedger()
    await migrateLedger(database.db)
    const before = await objects(database)
    await migrateLedger(database.db)
    expect(await objects(database)).toEqual(before)
  })

  test('is migrated by several processes at once, the first release among them', async () => {
    await using database = await oldLedger()
    const migrator = new Migrator({
      db: database.db,
      provider: createLedgerMigrations(),
      migrationTableSchema: 'ledger',
      migrationTableName: 'migration',
      migrationLockTableName: 'migration_lock',
    })
    await Promise.all([
      ...times(3, () => migrateLedger(database.db)),
      ...times(2, async () => {
        const { error } = await migrator.migrateToLatest()
        if (error !== undefined) throw error
      }),
    ])
    expect((await ledger.verify(database.db)).clean).toBe(true)
  })

  test('has the checksums of what ran before they were recorded', async () => {
    await using database = await oldLedger()
    await migrateLedger(database.db)
    const recorded = await rowsOf(
      database,
      'select name, checksum, adopted from ledger.migration_checksum order by name',
    )
    expect(recorded).toEqual(
      MIGRATIONS.map((one, i) => ({ name: one.name, checksum: one.checksum(), adopted: i < 2 })),
    )
  })

  test.each(MIGRATIONS.map(({ name }) => name))('is upgraded from %s', async (name) => {
    await using database = await createTestDatabase()
    const options = {
      db: database.db,
      migrationTableSchema: 'ledger',
      migrationTableName: 'migration',
      migrationLockTableName: 'migration_lock',
    }
    const provider = createLedgerMigrations()
    await new Migrator({ ...options, provider }).migrateTo(name)
    await migrateLedger(database.db)
    const left = await new Migrator({ ...options, provider }).migrateToLatest()
    expect(left).toEqual({ results: [] })
    expect((await ledger.verify(database.db)).clean).toBe(true)
  })
})

describe('a migration that fails', () => {
  test("names somebody else's function in the schema and changes nothing", async () => {
    await using database = await oldLedger()
    await database.pool.query(`create function ledger.my_report() returns integer
      language sql as 'select 7'`)
    await expect(migrateLedger(database.db)).rejects.toMatchObject({
      code: 'LEDGER_MIGRATION_FAILED',
      message: expect.stringContaining('ledger.my_report()') as string,
      cause: { hint: expect.stringContaining('another schema') as string },
    })
    expect(await paysAsBefore(database)).toBe('created')
    await database.pool.query('alter function ledger.my_report() set schema public')
    await migrateLedger(database.db)
    expect(await rowsOf(database, 'select public.my_report() as n')).toEqual([{ n: 7 }])
  })

  test.each([
    ['lock_timeout', '55P03'],
    ['statement_timeout', '57014'],
  ])('because of %s leaves the old ledger at work', async (setting, code) => {
    await using roles = testRoles()
    await using database = await oldLedger()
    await using db = connectAs(database, await roles.login('superuser'), {
      options: `-c ${setting}=150`,
    })
    const reader = await database.pool.connect()
    try {
      await reader.query('begin; lock table ledger.transfer in access share mode')
      await expect(migrateLedger(db)).rejects.toMatchObject({
        code: 'LEDGER_MIGRATION_FAILED',
        message: expect.stringContaining('ledger_0003_complete') as string,
        cause: { code },
      })
      await reader.query('commit')
    } finally {
      reader.release()
    }
    expect(await paysAsBefore(database)).toBe('created')
    await migrateLedger(database.db)
    expect((await ledger.verify(database.db)).clean).toBe(true)
  })

  test.each([
    ['halfway through the tables', 'CREATE TABLE', 'ledger.sealed_period'],
    ['at the last of the tables', 'CREATE TRIGGER', 'hold_moves_forward on ledger.hold'],
    ['among the functions', 'CREATE FUNCTION', 'ledger.capture('],
  ])('%s leaves the old ledger as it was, and at work', async (_, tag, object) => {
    await using database = await oldLedger()
    const columns = await keepCopies(database)
    await database.pool.query(`
      create function public.sabotage() returns event_trigger language plpgsql as $fn$
      begin
        if exists (select from pg_event_trigger_ddl_commands()
            where starts_with(object_identity, '${object}')) then
          raise exception 'sabotaged';
        end if;
      end $fn$;
      create event trigger sabotage on ddl_command_end when tag in ('${tag}')
        execute function public.sabotage()`)
    await expect(migrateLedger(database.db)).rejects.toMatchObject({
      code: 'LEDGER_MIGRATION_FAILED',
      message: expect.stringContaining('sabotaged') as string,
    })
    expect(await paysAsBefore(database)).toBe('created')
    await database.pool.query('drop event trigger sabotage')
    await migrateLedger(database.db)
    // All but the rows that the one more payment changed.
    expect(await lostRows(database, columns)).toMatchObject({ account: 2, transfer: 0, hold: 0 })
    expect((await ledger.verify(database.db)).clean).toBe(true)
  })
})

describe('an upgrade', () => {
  test.each(['', 'createrole'])(
    'by an owner with "%s" gives the roles their rights',
    async (attributes) => {
      await using roles = testRoles()
      const owner = await roles.login(attributes)
      const [app, auditor] = [await roles.login(), await roles.role()]
      await using database = await createTestDatabase()
      await giveDatabase(database, owner)
      await using db = connectAs(database, owner)
      await restoreFirstRelease(urlAs(database, owner))
      // What the first release told its users to grant.
      await database.pool.query(`grant usage on schema ledger to ${app};
      grant execute on all functions in schema ledger to ${app}`)
      const names = attributes === '' ? { owner, app, auditor } : { ...roles.names, app, auditor }
      await migrateLedger(db, { roles: names })

      const granted = await rowsOf<{ name: string }>(
        database,
        `select distinct proname as name from pg_proc
      where pronamespace = 'ledger'::regnamespace and has_function_privilege('${app}', oid, 'execute')`,
      )
      const expected = Object.entries(FUNCTION_ACCESS)
        .filter(([, access]) => access === 'verb' || access === 'read')
        .map(([name]) => name)
      expect(granted.map(({ name }) => name).toSorted()).toEqual(expected.toSorted())
      await using asApp = connectAs(database, app)
      expect(await ledger.capture(asApp, { holdId: OLD_IDS.open })).toMatchObject({
        outcome: 'created',
      })
    },
  )
})
