/*
 * Goal: the ledger's statements are parsed once a connection, and nothing else changes. Method: what
 * PostgreSQL itself says about a connection's prepared statements.
 */
import { waitFor } from '@payflow/testkit'
import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type Executor,
  createLedger,
  migrateLedger,
  preparedStatements,
  surviveConnectionLoss,
} from '../src/index.ts'
import { call } from '../src/sql/call.ts'
import { type Fixture, movement, openFixture, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture()
})
afterAll(() => fx.closeSound())

async function withPrepared(
  config: pg.PoolConfig,
  act: (db: Kysely<any>, losses: readonly Error[]) => Promise<void>,
): Promise<void> {
  const losses: Error[] = []
  const pool = surviveConnectionLoss(
    new pg.Pool({ connectionString: fx.database.url, max: 1, ...config }),
    (error) => losses.push(error),
  )
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool: preparedStatements(pool) }) })
  try {
    await act(db, losses)
  } finally {
    await db.destroy()
    expect(pool.ended).toBe(true)
  }
}

/** What the connection of a pool of one keeps. */
async function prepared(db: Executor) {
  const { rows } = await sql<{ name: string; statement: string; uses: number }>`
    select name, statement, generic_plans + custom_plans as uses
    from pg_prepared_statements order by name`.execute(db)
  return rows
}

describe('preparedStatements', () => {
  test('names each statement of the ledger once a connection, and no other', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    await withPrepared({}, async (db) => {
      for (const request of times(3, () => movement(from, to, 1n))) {
        expect((await fx.ledger.transfer(db, request)).outcome).toBe('created')
      }
      await fx.ledger.balance(db, from)
      const named = await prepared(db)
      expect(named.map(({ name }) => name.replace(/_[0-9a-f]{16}$/, ''))).toEqual([
        'ledger_balance',
        'ledger_transfer',
      ])
      expect(named[1]).toMatchObject({
        uses: '3',
        statement: expect.stringContaining('ledger.transfer('),
      })
    })
  })

  test('leaves transactions and the statements of the caller as they are', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    await withPrepared({}, async (db) => {
      const result = await fx.ledger.run(db, (trx) => fx.ledger.transfer(trx, movement(from, to)))
      expect(result).toMatchObject({ outcome: 'committed', value: { outcome: 'created' } })
      const many = await sql<{ n: number }>`select n from generate_series(1, ${3}) n`.execute(db)
      expect(many.rows.map(({ n }) => n)).toEqual([1, 2, 3])
      await expect(sql`select 1 / 0`.execute(db)).rejects.toMatchObject({ code: '22012' })
      expect((await fx.ledger.transfer(db, movement(from, to))).outcome).toBe('created')
    })
  })

  test("passes a caller's cursor on", async () => {
    const pool = new pg.Pool({ connectionString: fx.database.url, max: 1 })
    const client = await preparedStatements(pool).connect()
    const submitted = new pg.Query('select 1 as n')
    const rows: unknown[] = []
    const ended = new Promise((resolve) =>
      submitted.on('row', (row) => rows.push(row)).on('end', resolve),
    )
    expect(client.query(submitted as never)).toBe(submitted)
    await ended
    client.release()
    await pool.end()
    expect(rows).toEqual([{ n: 1 }])
  })

  test('tells the ledgers of two schemas apart', async () => {
    await migrateLedger(fx.db, { schema: 'second' })
    const second = createLedger({ schema: 'second' })
    const request = { id: movement('', '').id, currency: 'USD', kind: 'asset' } as const
    await withPrepared({}, async (db) => {
      expect((await fx.ledger.accounts.create(db, request)).outcome).toBe('created')
      expect((await second.accounts.create(db, request)).outcome).toBe('created')
      expect(await prepared(db)).toHaveLength(2)
    })
  })

  test('survives a migration that makes the functions anew under its statements', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    await withPrepared({}, async (db) => {
      await fx.ledger.transfer(db, movement(from, to))
      const { rows } = await sql<{ made: string }>`select pg_get_functiondef(oid) as made
        from pg_proc where proname = 'transfer' and pronamespace = 'ledger'::regnamespace`.execute(
        fx.db,
      )
      await sql`drop function ledger.transfer`.execute(fx.db)
      await sql.raw(rows[0]!.made).execute(fx.db)
      expect((await fx.ledger.transfer(db, movement(from, to))).outcome).toBe('created')
    })
  })

  test('a value that pg cannot send fails alone, in a statement it has parsed or has not', async () => {
    const account = await fx.wallet(7n)
    const send = (db: Executor, value: unknown) =>
      db.executeQuery(CompiledQuery.raw(call('ledger', 'balance', 'uuid'), [value]))
    for (const isParsed of [false, true]) {
      await withPrepared({}, async (db) => {
        if (isParsed) await send(db, account)
        // JSON has no bigint: pg throws before it sends the value, and after it sent the text.
        await expect(send(db, { a: 1n })).rejects.toBeInstanceOf(TypeError)
        for (const balance of await Promise.all(times(2, () => fx.ledger.balance(db, account)))) {
          expect(balance).toMatchObject({ balanceMinor: 7n })
        }
      })
    }
  })

  test('a statement that the server has dropped fails once a connection', async () => {
    const account = await fx.wallet(7n)
    await withPrepared({}, async (db) => {
      await fx.ledger.balance(db, account)
      await sql`deallocate all`.execute(db)
      const failed = { code: 'LEDGER_DATABASE', cause: { code: '26000' } }
      await expect(fx.ledger.balance(db, account)).rejects.toMatchObject(failed)
      expect(await fx.ledger.balance(db, account)).toMatchObject({ balanceMinor: 7n })
    })
  })

  test('an ordinary error leaves a statement prepared', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    await withPrepared({}, async (db) => {
      const late = db.transaction().execute(async (trx) => {
        await sql`set local statement_timeout = 50`.execute(trx)
        await fx.db.transaction().execute(async (other) => {
          await fx.ledger.transfer(other, movement(from, to))
          await fx.ledger.transfer(trx, movement(from, to))
        })
      })
      await expect(late).rejects.toMatchObject({ code: 'LEDGER_BUSY' })
      await fx.ledger.transfer(db, movement(from, to))
      await fx.ledger.transfer(db, movement(from, to))
      expect(await prepared(db)).toMatchObject([{ uses: '3' }])
    })
  })

  test('LEDGER-12 a connection lost behind it ends neither the process nor the pool', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    const name = 'prepared and ended'
    await withPrepared({ application_name: name }, async (db, losses) => {
      const work = db.transaction().execute(async (trx) => {
        await fx.ledger.transfer(trx, movement(from, to))
        await sql`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = ${name}`.execute(fx.db)
        await waitFor(() => losses.length > 0)
        await fx.ledger.transfer(trx, movement(from, to))
      })
      await expect(work).rejects.toBeInstanceOf(Error)
      expect((await fx.ledger.transfer(db, movement(from, to))).outcome).toBe('created')
      expect(await prepared(db)).toHaveLength(1)
    })
    expect(await fx.balanceMinor(to)).toBe(100n)
  })
})
