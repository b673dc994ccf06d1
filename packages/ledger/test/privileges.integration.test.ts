/*
 * Goal: the application and the auditor can do their work and nothing else; nobody else anything.
 * Method: each logs in, and everything that the catalog lists is tried. So a new table or function
 * is in the test from its first day, and one that is not classified in sql/access.ts fails it.
 */
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { type Kysely, sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Checkpoint,
  createLedger,
  ed25519Signer,
  migrateLedger,
  verifyExport,
} from '../src/index.ts'
import { type Access, FUNCTION_ACCESS, VIEWS } from '../src/sql/access.ts'
import { movement } from './support/fixture.ts'
import { connectAs, type TestRoles, testRoles } from './support/roles.ts'

type Connection = Kysely<any>

let roles: TestRoles
let database: TestDatabase
let app: Connection
let auditor: Connection
let stranger: Connection

beforeAll(async () => {
  roles = testRoles()
  database = await createTestDatabase({
    migrate: (db) => migrateLedger(db, { roles: roles.names }),
  })
  app = connectAs(database, await roles.login('', roles.names.app))
  auditor = connectAs(database, await roles.login('', roles.names.auditor))
  stranger = connectAs(database, await roles.login())
})
afterAll(async () => {
  for (const connection of [app, auditor, stranger]) await connection.destroy()
  await database.dispose()
  await roles[Symbol.asyncDispose]()
})

interface Routine {
  readonly name: string
  readonly call: string
  readonly signature: string
}

/**
 * Every function of the schema with a call of it, all arguments null. They come out of a subquery,
 * or the planner would answer for a strict function without ever asking who may execute it.
 */
async function functions(...accesses: readonly Access[]): Promise<Routine[]> {
  const { rows } = await database.pool.query<Routine>(`
    select p.proname as name, p.oid::regprocedure::text as signature,
      format('select ledger.%I(%s) from (select %s offset 0) a', p.proname,
        (select string_agg('a' || place, ', ' order by place)
          from generate_series(1, p.pronargs) place),
        (select string_agg(format('null::%s as a%s', format_type(type, null), place), ', ')
          from unnest(p.proargtypes::oid[]) with ordinality as a (type, place))) as call
    from pg_proc p where p.pronamespace = 'ledger'::regnamespace order by 2`)
  return rows.filter(({ name }) => accesses.includes(FUNCTION_ACCESS[name] ?? 'private'))
}

async function relations(kinds: string): Promise<{ name: string; column: string }[]> {
  const { rows } = await database.pool.query<{ name: string; column: string }>(
    `select 'ledger.' || quote_ident(relname) as name,
      (select quote_ident(attname) from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum limit 1) as column
    from pg_class c where relnamespace = 'ledger'::regnamespace
      and strpos($1, relkind::text) > 0 order by 1`,
    [kinds],
  )
  return rows
}

/** SQLSTATE by statement, each in a transaction that is rolled back; '00000' for none. */
async function attempts(db: Connection, statements: readonly string[]) {
  const states: Record<string, string> = {}
  const undo = new Error('to be rolled back')
  for (const statement of statements) {
    await db
      .transaction()
      .execute(async (trx) => {
        await sql.raw(statement).execute(trx)
        throw undo
      })
      .catch((error: unknown) => {
        states[statement] = error === undo ? '00000' : String((error as { code?: unknown }).code)
      })
  }
  return states
}

/** Those statements of which something else became than a refusal for lack of rights. */
async function notRefused(db: Connection, statements: readonly string[]) {
  expect(statements.length).toBeGreaterThan(0)
  const states = await attempts(db, statements)
  return Object.fromEntries(Object.entries(states).filter(([, state]) => !REFUSED.has(state)))
}

// No right to it; or a view that joins, which nobody can write to.
const REFUSED: ReadonlySet<string | undefined> = new Set(['42501', '55000'])

const changesOf = ({ name, column }: { name: string; column: string }): string[] => [
  `insert into ${name} default values`,
  `update ${name} set ${column} = null`,
  `delete from ${name}`,
]

const tampering = (table: { name: string; column: string }): string[] => [
  ...changesOf(table),
  `select from ${table.name}`,
  `truncate ${table.name}`,
  `lock table ${table.name} in share mode`,
  `alter table ${table.name} disable trigger all`,
  `alter table ${table.name} drop column ${table.column} cascade`,
  `alter table ${table.name} add column extra int`,
  `alter table ${table.name} owner to current_user`,
  `create trigger mine before insert on ${table.name} execute function ledger.refuse_change()`,
  `create rule mine as on insert to ${table.name} do instead nothing`,
  `create policy mine on ${table.name}`,
  `comment on table ${table.name} is 'mine'`,
  `drop table ${table.name} cascade`,
]

const meddling = (): string[] => [
  `set role ${roles.names.owner}`,
  'set session_replication_role = replica',
  'create table ledger.mine ()',
  'create function ledger.mine() returns int language sql return 1',
  'create or replace function ledger.balance(uuid) returns json language sql return null',
  'alter schema ledger rename to mine',
  'drop schema ledger cascade',
  'drop function ledger.release(uuid)',
]

describe('access.ts', () => {
  test('LEDGER-26 classifies every function of the schema and nothing besides', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select distinct proname as name from pg_proc
      where pronamespace = 'ledger'::regnamespace`,
    )
    const names = rows.map(({ name }) => name).toSorted()
    expect(names).toEqual(Object.keys(FUNCTION_ACCESS).toSorted())
  })

  test('LEDGER-26 names every view of the schema and nothing besides', async () => {
    const views = await relations('vm')
    expect(views.map(({ name }) => name)).toEqual(VIEWS.map((view) => `ledger.${view}`).toSorted())
  })

  test('LEDGER-26 lets nobody call a function that does not run as the owner', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select p.proname as name from pg_proc p
      where p.pronamespace = 'ledger'::regnamespace
        and not (p.prosecdef and p.proowner = $1::regrole
          and p.proconfig @> '{"search_path=pg_catalog, pg_temp"}')`,
      [roles.names.owner],
    )
    const unsafe = rows.filter(({ name }) => FUNCTION_ACCESS[name] !== 'private')
    expect(unsafe).toEqual([])
  })
})

describe('the application', () => {
  test('LEDGER-26 can touch no table', async () => {
    const tables = await relations('rp')
    expect(await notRefused(app, tables.flatMap(tampering))).toEqual({})
  })

  test('LEDGER-26 can change no view', async () => {
    const views = await relations('vmS')
    const statements = views.flatMap(changesOf)
    expect(await notRefused(app, [...statements, ...meddling()])).toEqual({})
  })

  test('LEDGER-26 can call no private function and none of the auditor', async () => {
    const forbidden = await functions('private', 'audit')
    expect(
      await notRefused(
        app,
        forbidden.map(({ call }) => call),
      ),
    ).toEqual({})
    const changes = forbidden.map(({ signature }) => `alter function ${signature} security invoker`)
    expect(await notRefused(app, changes)).toEqual({})
  })

  test('may call every verb and every read, and read every view', async () => {
    const calls = (await functions('verb', 'read')).map(({ call }) => call)
    const views = VIEWS.map((view) => `select * from ledger.${view} limit 1`)
    const states = Object.values(await attempts(app, [...calls, ...views]))
    expect(states.length).toBeGreaterThan(10)
    expect(states).not.toContain('42501')
  })

  test('moves money, holds it and reads about it', async () => {
    const ledger = createLedger()
    const [bank, alice] = [randomUUID(), randomUUID()]
    await ledger.accounts.create(app, { id: bank, currency: 'USD', kind: 'asset' })
    await ledger.accounts.create(app, { id: alice, currency: 'USD', kind: 'liability' })
    const [held, dropped] = [movement(alice, bank, 30n), movement(alice, bank, 20n)]
    const outcomes = [
      await ledger.transfer(app, movement(bank, alice, 100n)),
      await ledger.hold(app, held),
      await ledger.capture(app, { holdId: held.id }),
      await ledger.hold(app, dropped),
      await ledger.release(app, { holdId: dropped.id }),
    ]
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(5).fill('created'))
    expect(await ledger.expireHolds(app)).toEqual({ expired: 0 })
    expect(await ledger.accounts.get(app, alice)).toMatchObject({ id: alice })
    expect(await ledger.lookup(app, held.id)).toMatchObject({ kind: 'hold' })
    expect(await ledger.balance(app, alice)).toMatchObject({ balanceMinor: 70n })
    expect((await ledger.entries(app, { accountId: alice, limit: 9 })).entries).toHaveLength(2)
    expect((await ledger.trialBalance(app)).balanced).toBe(true)
    expect((await ledger.verify(app)).clean).toBe(true)
  })
})

describe('the auditor', () => {
  test('LEDGER-26 can touch no table, change no view and call nothing that moves money', async () => {
    const tables = await relations('rp')
    const views = await relations('vmS')
    const calls = (await functions('private', 'verb')).map(({ call }) => call)
    const statements = [...tables.flatMap(tampering), ...views.flatMap(changesOf), ...meddling()]
    expect(await notRefused(auditor, [...statements, ...calls])).toEqual({})
  })

  test('may call every read and what is for audits, and read every view', async () => {
    const calls = (await functions('read', 'audit')).map(({ call }) => call)
    const views = VIEWS.map((view) => `select * from ledger.${view} limit 1`)
    const states = Object.values(await attempts(auditor, [...calls, ...views]))
    expect(states.length).toBeGreaterThan(5)
    expect(states).not.toContain('42501')
    expect((await createLedger().verify(auditor)).clean).toBe(true)
    expect((await createLedger().trialBalance(auditor)).balanced).toBe(true)
  })
})

describe('the auditor at work', () => {
  test.each(['0', '-1', '600001', 'null'])('cannot close the books waiting %s ms', async (wait) => {
    const seal = sql`select ledger.seal_book('2025-01-01Z', ${sql.raw(wait)})`.execute(auditor)
    await expect(seal).rejects.toMatchObject({ code: '22023' })
  })

  test('seals the journal, signs, exports and closes the books', async () => {
    const ledger = createLedger()
    const { privateKey } = generateKeyPairSync('ed25519')
    const [bank, wallet] = [randomUUID(), randomUUID()]
    await ledger.accounts.create(app, { id: bank, currency: 'USD', kind: 'asset' })
    await ledger.accounts.create(app, { id: wallet, currency: 'USD', kind: 'liability' })
    await ledger.transfer(app, movement(bank, wallet))
    const signer = ed25519Signer({ keyId: 'auditor', privateKey })
    expect(await ledger.checkpoint(auditor, { signer })).toMatchObject({ outcome: 'created' })
    const until = new Date('2026-02-01T00:00:00Z')
    expect(await ledger.sealPeriod(auditor, { until })).toMatchObject({ outcome: 'sealed' })
    expect(await ledger.verifyPeriods(auditor)).toMatchObject({ clean: true, periods: 1 })
    const exported = await verifyExport(ledger.exportNdjson(auditor))
    expect(exported).toMatchObject({ clean: true })
    const witnesses = [exported.last as Checkpoint]
    expect(await ledger.verifyCheckpoints(auditor, { witnesses })).toMatchObject({ clean: true })
    expect(exported.last?.signatures).toHaveLength(1)
    await expect(ledger.checkpoint(app)).rejects.toMatchObject({ cause: { code: '42501' } })
    await expect(ledger.sealPeriod(app, { until })).rejects.toMatchObject({
      cause: { code: '42501' },
    })
  })
})

describe('anybody else', () => {
  test('LEDGER-26 can do nothing at all', async () => {
    const tables = await relations('rpvmS')
    const calls = await functions('private', 'verb', 'read', 'audit')
    const statements = [
      ...tables.flatMap(tampering),
      ...meddling(),
      ...calls.map(({ call }) => call),
    ]
    expect(await notRefused(stranger, statements)).toEqual({})
  })
})
