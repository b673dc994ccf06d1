/*
 * Goal: the faults that the model test is made of happen exactly where they are asked for. Method: a
 * table with one row a statement; who reads it afterwards is another connection than the one cut.
 */
import { waitFor } from '@payflow/testkit'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Executor, surviveConnectionLoss } from '../src/index.ts'
import { type Fixture, movement, openFixture } from './support/fixture.ts'
import { armStrike, disarmStrike, installServerFaults } from './support/server-faults.ts'
import { type CutAt, type FaultProxy, faultProxy } from './support/wire/fault-proxy.ts'
import { Framer } from './support/wire/frames.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 4 })
  await installServerFaults(fx.db)
  await sql`create table public.seen (n int primary key)`.execute(fx.db)
})
afterAll(() => fx.closeSound())

const LOST = /Connection terminated|ECONNRESET|EPIPE|connection error/

interface Wired {
  readonly db: Executor
  readonly pool: pg.Pool
  readonly proxy: FaultProxy
}

async function wired(act: (wired: Wired) => Promise<void>): Promise<void> {
  await using proxy = await faultProxy(fx.database.url)
  const pool = surviveConnectionLoss(new pg.Pool({ connectionString: proxy.url, max: 1 }))
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  await act({ db, pool, proxy })
  await db.destroy()
}

let last = 0
const next = () => (last += 1)
const insert = (db: Executor, n: number) =>
  sql`insert into public.seen values (${n}::int)`.execute(db)
const seen = async (n: number) =>
  (await sql`select from public.seen where n = ${n}::int`.execute(fx.db)).rows.length === 1

/** No backend of a cut connection is at work any more. */
const settled = (pids: readonly number[]) =>
  waitFor(async () => {
    const { rows } = await sql`select from pg_stat_activity
      where pid = any (${pids}::int[])`.execute(fx.db)
    return rows.length === 0
  })

describe('faultProxy', () => {
  test.each<[at: CutAt, applied: boolean]>([
    ['before_statement', false],
    ['before_sync', false],
    ['before_answer', true],
    ['mid_answer', true],
    ['before_ready', true],
  ])('a cut %s of a statement: applied is %s, every time', async (at, applied) => {
    await wired(async ({ db, proxy }) => {
      for (let round = 0; round < 10; round += 1) {
        await sql`select 1`.execute(db)
        const pids = proxy.backendPids
        expect(pids).toHaveLength(1)
        const n = next()
        proxy.arm({ at, statement: /insert/, reset: round % 2 === 1 })
        await expect(insert(db, n)).rejects.toThrow(LOST)
        expect([proxy.cuts, proxy.disarm()]).toEqual([round + 1, false])
        await settled(pids)
        expect(await seen(n)).toBe(applied)
      }
    })
  })

  test('a cut in flight ends the connection, and what was sent is applied or not, never half', async () => {
    await wired(async ({ db, proxy }) => {
      await sql`select 1`.execute(db)
      const pids = proxy.backendPids
      const n = next()
      proxy.arm({ at: 'in_flight', statement: /insert/ })
      const both = sql`insert into public.seen values (${n}::int), (${next()}::int)`.execute(db)
      await expect(both).rejects.toThrow(LOST)
      await settled(pids)
      expect(await seen(n)).toBe(await seen(n + 1))
    })
  })

  test.each<[at: CutAt, applied: boolean]>([
    ['before_statement', false],
    ['before_answer', true],
  ])('a cut %s of COMMIT: applied is %s', async (at, applied) => {
    await wired(async ({ db, proxy }) => {
      const n = next()
      proxy.arm({ at, statement: /^commit/ })
      const work = db.transaction().execute(async (trx) => {
        await insert(trx, n)
      })
      await expect(work).rejects.toThrow(LOST)
      await waitFor(async () => (await seen(n)) === applied)
      expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
    })
  })

  test('cuts the statement it was armed for, also when the driver prepared it long before', async () => {
    await wired(async ({ pool, proxy }) => {
      const named = (n: number) =>
        pool.query({ name: 'put', text: 'insert into public.seen values ($1::int)', values: [n] })
      await named(next())
      proxy.arm({ at: 'before_answer', statement: /insert/ })
      await pool.query('select 1')
      expect(proxy.cuts).toBe(0)
      const n = next()
      await expect(named(n)).rejects.toThrow(LOST)
      expect([proxy.cuts, await seen(n)]).toEqual([1, true])
    })
  })

  test('leaves everything else as it is: long answers, errors, many statements', async () => {
    await wired(async ({ db, proxy }) => {
      const { rows } = await sql<{ n: number }>`select generate_series(1, 20000) as n,
        repeat('ü', 50) as text`.execute(db)
      expect(rows).toHaveLength(20_000)
      expect(rows.at(-1)).toEqual({ n: 20_000, text: 'ü'.repeat(50) })
      await expect(sql`select 1 / 0`.execute(db)).rejects.toMatchObject({ code: '22012' })
      const long = 'x'.repeat(500_000)
      expect((await sql`select ${long}::text as back`.execute(db)).rows).toEqual([{ back: long }])
      proxy.arm({ at: 'before_answer', statement: /never sent/ })
      await sql`select 1`.execute(db)
      expect([proxy.cuts, proxy.disarm(), proxy.disarm()]).toEqual([0, true, false])
    })
  })

  test('tells a client that asks for encryption that there is none', async () => {
    await using proxy = await faultProxy(fx.database.url)
    const client = new pg.Client({ connectionString: proxy.url, ssl: true })
    await expect(client.connect()).rejects.toThrow('does not support SSL')
  })

  test('drops idle connections; the next statement has a new one', async () => {
    await wired(async ({ db, pool, proxy }) => {
      await sql`select 1`.execute(db)
      const [before] = proxy.backendPids
      proxy.dropAll()
      await waitFor(() => pool.totalCount === 0)
      await sql`select 1`.execute(db)
      expect(proxy.backendPids).toHaveLength(1)
      expect(proxy.backendPids).not.toContain(before)
    })
  })
})

describe('Framer', () => {
  test('finds the same messages however the stream is sliced', () => {
    const startup = Buffer.from([0, 0, 0, 9, 0, 3, 0, 0, 0])
    const query = Buffer.from([81, 0, 0, 0, 7, 65, 66, 0])
    const sync = Buffer.from([83, 0, 0, 0, 4])
    const stream = Buffer.concat([startup, query, sync, query])
    for (let step = 1; step <= stream.length; step += 1) {
      const framer = new Framer(true)
      const frames = []
      for (let at = 0; at < stream.length; at += step) {
        frames.push(...framer.push(stream.subarray(at, at + step)))
      }
      expect(frames.map(({ type }) => type)).toEqual(['', 'Q', 'S', 'Q'])
      expect(Buffer.concat(frames.map(({ bytes }) => bytes))).toEqual(stream)
    }
  })
})

describe('installServerFaults', () => {
  test.each([
    ['40001', 'any', 'serialization'],
    ['40P01', 'account', 'deadlock'],
    ['55P03', 'transfer', 'lock_timeout'],
    ['57014', 'any', 'statement_timeout'],
    ['cancel', 'account', 'statement_timeout'],
    ['40001', 'commit', 'serialization'],
  ] as const)('%s at %s is busy: %s, and nothing is written', async (strike, at, cause) => {
    const request = movement(fx.sourceId, await fx.wallet())
    await wired(async ({ db, proxy }) => {
      await armStrike(db, strike, at)
      const pids = proxy.backendPids
      expect(await fx.ledger.transfer(db, request)).toMatchObject({ outcome: 'busy', cause })
      await disarmStrike(db)
      expect(await fx.ledger.lookup(db, request.id)).toBeNull()
      expect(await fx.ledger.transfer(db, request)).toMatchObject({ outcome: 'created' })
      expect(proxy.backendPids).toEqual(pids)
    })
  })

  test.each(['transfer', 'commit'] as const)(
    'kill at %s ends the backend under the statement: unknown, and nothing is written',
    async (at) => {
      const request = movement(fx.sourceId, await fx.wallet())
      await wired(async ({ db, pool }) => {
        await armStrike(db, 'kill', at)
        expect(await fx.ledger.transfer(db, request)).toMatchObject({ outcome: 'unknown' })
        // The driver has read the error, and hears of the end of the connection a moment later.
        await waitFor(() => pool.totalCount === 0)
        expect(await fx.ledger.lookup(db, request.id)).toBeNull()
        expect(await fx.ledger.transfer(db, request)).toMatchObject({ outcome: 'created' })
      })
    },
  )

  test('strikes no session that did not ask for it', async () => {
    await wired(async ({ db }) => {
      await armStrike(db, '40001', 'any')
      const request = movement(fx.sourceId, await fx.wallet())
      expect(await fx.ledger.transfer(fx.db, request)).toMatchObject({ outcome: 'created' })
    })
  })
})
