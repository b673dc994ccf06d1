/*
 * Goal: the migrations set up their roles whoever runs them, and the next migration finds a way in.
 * Method: logins with more and fewer rights migrate databases of their own, on every version alike.
 */
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { Migrator } from 'kysely/migration'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  applyLedgerRoles,
  createLedger,
  createLedgerMigrations,
  LedgerError,
  migrateLedger,
} from '../src/index.ts'
import { MIGRATIONS } from '../src/migrations/numbered.ts'
import { connectAs, giveDatabase, type TestRoles, testRoles } from './support/roles.ts'

let roles: TestRoles
let databases: TestDatabase[]
beforeEach(() => {
  roles = testRoles()
  databases = []
})
afterEach(async () => {
  for (const database of databases) await database.dispose()
  await roles[Symbol.asyncDispose]()
})

/** A database that belongs to the login. */
async function databaseOf(login: string): Promise<TestDatabase> {
  const database = await createTestDatabase()
  databases.push(database)
  await giveDatabase(database, login)
  return database
}

/** Roles that own anything of the schema. */
async function ownersIn({ pool }: TestDatabase, schema = 'ledger'): Promise<string[]> {
  const { rows } = await pool.query<{ owner: string }>(
    `select distinct owner::regrole::text as owner from (
      select nspowner from pg_namespace where nspname = $1
      union all select relowner from pg_class where relnamespace = $1::regnamespace
      union all select proowner from pg_proc where pronamespace = $1::regnamespace
      union all select typowner from pg_type where typnamespace = $1::regnamespace
    ) o (owner) order by 1`,
    [schema],
  )
  return rows.map(({ owner }) => owner)
}

async function may(database: TestDatabase, role: string, verb: string): Promise<boolean> {
  const { rows } = await database.pool.query<{ may: boolean }>(
    `select has_function_privilege($1, oid, 'execute') as may from pg_proc
    where pronamespace = 'ledger'::regnamespace and proname = $2`,
    [role, verb],
  )
  return rows[0]!.may
}

/** Makes the migrations from `from` on run again, as those of a next release would. */
async function forget({ pool }: TestDatabase, from: string, notes = 'ledger.migration') {
  for (const table of [notes, 'ledger.migration_checksum']) {
    await pool.query(`delete from ${table} where name >= $1`, [from])
  }
}

const FUNCTIONS = MIGRATIONS.at(-1)?.name ?? ''

async function refusalOf(attempt: Promise<unknown>): Promise<LedgerError> {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof LedgerError)) throw new Error('not refused', { cause: error })
  return error
}

/** The statements that a refusal asks somebody else to run. */
const sqlOf = ({ message }: LedgerError): string[] => message.match(/^ {2}.*;$/gm) ?? []

describe('roles of the migrations', () => {
  test.each(['createrole', 'createrole noinherit', 'superuser'])(
    'are created by a role with %s, which can run the next migration',
    async (attributes) => {
      const login = await roles.login(attributes)
      const database = await databaseOf(login)
      await using db = connectAs(database, login)
      await migrateLedger(db, { roles: roles.names })
      expect(await ownersIn(database)).toEqual([roles.names.owner])

      await forget(database, FUNCTIONS)
      await migrateLedger(db, { roles: roles.names })
      await migrateLedger(db, { roles: roles.names })
      expect(await ownersIn(database)).toEqual([roles.names.owner])
      expect(await may(database, roles.names.app, 'release')).toBe(true)
      expect(await may(database, roles.names.auditor, 'release')).toBe(false)
      const { rows } = await database.pool.query<{ login: boolean }>(
        'select rolcanlogin as login from pg_roles where rolname = any($1)',
        [Object.values(roles.names)],
      )
      expect(rows).toEqual(Array(3).fill({ login: false }))
    },
  )

  test('leave the role of the connection as it was', async () => {
    const login = await roles.login('createrole')
    const database = await databaseOf(login)
    await using db = connectAs(database, login, { max: 1 })
    await db.transaction().execute(async (trx) => {
      await migrateLedger(trx, { roles: roles.names })
      await trx.schema.createTable('public.mine').addColumn('id', 'integer').execute()
    })
    const { rows } = await database.pool.query<{ owner: string }>(
      "select tableowner as owner from pg_tables where tablename = 'mine'",
    )
    expect(rows).toEqual([{ owner: login }])
  })

  test('are set up by a Migrator of the application, whose notes stay its own', async () => {
    const login = await roles.login('createrole noinherit')
    const database = await databaseOf(login)
    await using db = connectAs(database, login)
    await database.pool.query(`grant create on schema public to ${login}`)
    const provider = createLedgerMigrations({ roles: roles.names })
    expect((await new Migrator({ db, provider }).migrateToLatest()).error).toBeUndefined()
    await forget(database, FUNCTIONS, 'public.kysely_migration')
    const { error, results } = await new Migrator({ db, provider }).migrateToLatest()
    expect([error, results?.map(({ status }) => status)]).toEqual([undefined, ['Success']])
    expect(await ownersIn(database)).toEqual([roles.names.owner])
    expect(await ownersIn(database, 'public')).toContain(login)
  })

  test('may be roles that exist, and keep what they have elsewhere', async () => {
    const owner = await roles.login()
    const [app, auditor] = [await roles.login(), await roles.role()]
    const database = await databaseOf(owner)
    await database.pool.query(`create table mine (id int); grant select on mine to ${app}`)
    await using db = connectAs(database, owner)
    await migrateLedger(db, { roles: { owner, app, auditor } })
    expect(await ownersIn(database)).toEqual([owner])
    await using asApp = connectAs(database, app)
    expect((await createLedger().verify(asApp)).clean).toBe(true)
    expect(await asApp.selectFrom('mine').selectAll().execute()).toEqual([])
  })

  test('are created once when two databases are migrated at the same time', async () => {
    const login = await roles.login('createrole')
    const four = await Promise.all([1, 2, 3, 4].map(() => databaseOf(login)))
    await Promise.all(
      four.map(async (database) => {
        await using db = connectAs(database, login)
        await migrateLedger(db, { roles: roles.names })
      }),
    )
    for (const database of four) expect(await ownersIn(database)).toEqual([roles.names.owner])
  })

  test("with 'none' there are none: all belongs to who migrates", async () => {
    const login = await roles.login()
    const database = await databaseOf(login)
    await using db = connectAs(database, login)
    await migrateLedger(db, { roles: 'none' })
    expect(await ownersIn(database)).toEqual([login])
    expect(await may(database, 'public', 'release')).toBe(false)
    expect((await createLedger().verify(db)).clean).toBe(true)
  })

  test.each([
    { app: '' },
    { app: 'a"b' },
    { app: "a'b" },
    { auditor: 'a$do$' },
    { owner: 'x'.repeat(64) },
    { owner: 'one', app: 'one' },
    { app: 3 as unknown as string },
  ])('are refused by name: %o', async (names) => {
    const database = await databaseOf(await roles.login())
    const refused = { code: 'LEDGER_INVALID_OPTION' }
    await expect(migrateLedger(database.db, { roles: names })).rejects.toMatchObject(refused)
    await expect(applyLedgerRoles(database.db, { roles: names })).rejects.toMatchObject(refused)
  })
})

describe('a role that may not set up the roles', () => {
  test('is told the SQL that makes it possible, which does', async () => {
    const login = await roles.login()
    const database = await databaseOf(login)
    await using db = connectAs(database, login)
    const { owner, app, auditor } = roles.names
    const refusal = await refusalOf(migrateLedger(db, { roles: roles.names }))
    expect(refusal.code).toBe('LEDGER_ROLES_NEEDED')
    expect(sqlOf(refusal)).toEqual([
      `  create role "${owner}" nologin;`,
      `  create role "${app}" nologin;`,
      `  create role "${auditor}" nologin;`,
      `  grant "${owner}" to "${login}";`,
    ])
    expect(await database.pool.query("select to_regnamespace('ledger') as s")).toMatchObject({
      rows: [{ s: null }],
    })
    for (const statement of sqlOf(refusal)) await database.pool.query(statement)
    await migrateLedger(db, { roles: roles.names })
    await forget(database, FUNCTIONS)
    await migrateLedger(db, { roles: roles.names })
    expect(await ownersIn(database)).toEqual([owner])
  })

  test('of a schema that is not its own is told that, and may migrate afterwards', async () => {
    const login = await roles.login()
    const database = await createTestDatabase()
    databases.push(database)
    await database.pool.query(`create schema ledger authorization ${login}`)
    for (const name of Object.values(roles.names)) {
      await database.pool.query(`create role ${name}`)
    }
    await database.pool.query(`grant ${roles.names.owner} to ${login}`)
    await using db = connectAs(database, login)
    const refusal = await refusalOf(migrateLedger(db, { roles: roles.names }))
    expect(sqlOf(refusal)).toEqual([`  grant create on database "${database.name}" to "${login}";`])
    await database.pool.query(`alter schema ledger owner to ${roles.names.owner}`)
    await migrateLedger(db, { roles: roles.names })
    expect(await ownersIn(database)).toEqual([roles.names.owner])
  })

  test('of which another role created the owner is told what its version asks for', async () => {
    const [first, second] = [await roles.login('createrole'), await roles.login('createrole')]
    const [one, two] = [await databaseOf(first), await databaseOf(second)]
    await using db = connectAs(one, first)
    await migrateLedger(db, { roles: roles.names })
    await using other = connectAs(two, second)
    // Up to 15 CREATEROLE is enough to join a role; from 16 on only who created it may let one in.
    const { rows } = await one.pool.query<{ version: number }>(
      "select current_setting('server_version_num')::int as version",
    )
    const needed =
      rows[0]!.version < 160_000 ? [] : [`  grant "${roles.names.owner}" to "${second}";`]
    const refused = await migrateLedger(other, { roles: roles.names }).then(
      () => [],
      (error: LedgerError) => sqlOf(error),
    )
    expect(refused).toEqual(needed)
    for (const statement of refused) await two.pool.query(statement)
    await migrateLedger(other, { roles: roles.names })
    expect(await ownersIn(two)).toEqual([roles.names.owner])
  })

  test('is told by a Migrator of the application as well', async () => {
    const login = await roles.login()
    const database = await databaseOf(login)
    await using db = connectAs(database, login)
    const provider = createLedgerMigrations({ roles: roles.names })
    const { error } = await new Migrator({ db, provider }).migrateToLatest()
    expect(error).toMatchObject({ code: 'LEDGER_ROLES_NEEDED' })
  })
})

describe('applyLedgerRoles', () => {
  test('of a schema that is missing says so, and creates no role', async () => {
    const database = await databaseOf(await roles.login())
    const refused = { code: 'LEDGER_NOT_MIGRATED' }
    await expect(applyLedgerRoles(database.db, { roles: roles.names })).rejects.toMatchObject(
      refused,
    )
    const { rows } = await database.pool.query('select from pg_roles where rolname = any ($1)', [
      Object.values(roles.names),
    ])
    expect(rows).toEqual([])
  })

  test('gives roles to a ledger that was migrated without, and may be repeated', async () => {
    const login = await roles.login('createrole')
    const database = await databaseOf(login)
    await using db = connectAs(database, login)
    await migrateLedger(db, { roles: 'none' })
    await applyLedgerRoles(db, { roles: roles.names })
    await applyLedgerRoles(db, { roles: roles.names })
    expect(await ownersIn(database)).toEqual([roles.names.owner])
    expect(await may(database, roles.names.app, 'release')).toBe(true)
    await forget(database, FUNCTIONS)
    await migrateLedger(db, { roles: roles.names })
  })

  test('LEDGER-26 takes back what was granted besides', async () => {
    const login = await roles.login('createrole')
    const database = await databaseOf(login)
    await using db = connectAs(database, login)
    await migrateLedger(db, { roles: roles.names })
    const { app, auditor } = roles.names
    const rights = () =>
      Promise.all([
        may(database, auditor, 'release'),
        may(database, 'public', 'balance'),
        database.pool
          .query<{ may: boolean }>(
            "select has_table_privilege($1, 'ledger.account', 'update') as may",
            [app],
          )
          .then(({ rows }) => rows[0]?.may),
      ])
    await database.pool.query(`grant update on ledger.account to ${app};
      grant execute on all functions in schema ledger to public, ${auditor}`)
    expect(await rights()).toEqual([true, true, true])
    await applyLedgerRoles(db, { roles: roles.names })
    expect(await rights()).toEqual([false, false, false])
  })
})
