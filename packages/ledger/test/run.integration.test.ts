/*
 * Goal: run commits once and says truthfully what came of it. Method: real collisions, a wire that is
 * cut before and after COMMIT, and a trigger of the caller's that makes COMMIT itself wait or fail.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { type Kysely, PostgresDialect, sql, type Transaction, Kysely as Database } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { LedgerError, surviveConnectionLoss } from '../src/index.ts'
import { type Fixture, movement, openFixture } from './support/fixture.ts'
import { type CutAt, type FaultProxy, faultProxy } from './support/wire/fault-proxy.ts'

let fx: Fixture
let from: string
let to: string
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
  await sql`create table public.note (id uuid primary key, at_commit text)`.execute(fx.db)
  // What a caller's own deferred constraint can do to a COMMIT.
  await sql`create function public.at_commit() returns trigger language plpgsql as $fn$
    begin
      if new.at_commit = 'wait' then perform pg_advisory_xact_lock(4711);
      elsif new.at_commit is not null then raise exception 'at commit' using errcode = new.at_commit;
      end if;
      return null;
    end $fn$`.execute(fx.db)
  await sql`create constraint trigger note_at_commit after insert on public.note
    deferrable initially deferred for each row execute function public.at_commit()`.execute(fx.db)
})
afterAll(() => fx.closeSound())
beforeEach(async () => {
  ;[from, to] = [await fx.wallet(1_000n), await fx.wallet()]
})

const note = (trx: Transaction<any>, atCommit: string | null, id: string = randomUUID()) =>
  sql`insert into public.note values (${id}::uuid, ${atCommit})`.execute(trx)

async function notes(): Promise<number> {
  const { rows } = await sql<{ n: string }>`select count(*) as n from public.note`.execute(fx.db)
  return Number(rows[0]?.n)
}

/** A pool of one connection, through a wire that can be cut. */
async function throughProxy(
  act: (db: Kysely<any>, proxy: FaultProxy, pool: pg.Pool) => Promise<void>,
  config: pg.PoolConfig = {},
): Promise<void> {
  await using proxy = await faultProxy(fx.database.url)
  const pool = new pg.Pool({
    connectionString: proxy.url,
    max: 1,
    connectionTimeoutMillis: 5_000,
    ...config,
  })
  const db = new Database<any>({
    dialect: new PostgresDialect({ pool: surviveConnectionLoss(pool) }),
  })
  try {
    await act(db, proxy, pool)
    // Whatever happened: the only connection is back or replaced, and nobody waits.
    await sql`select 1`.execute(db)
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0])
  } finally {
    await db.destroy()
  }
}

describe('run', () => {
  test('commits what the callback did and gives its value', async () => {
    const request = movement(from, to)
    const result = await fx.ledger.run(fx.db, async (trx) => {
      expect(trx.isTransaction).toBe(true)
      return (await fx.ledger.transfer(trx, request)).outcome
    })
    expect(result).toEqual({ outcome: 'committed', value: 'created', attempts: 1 })
    expect(await fx.balanceMinor(to)).toBe(100n)
  })

  test('rolls back and throws what the callback threw, unchanged', async () => {
    const mine = new Error('no stock')
    let runs = 0
    const work = fx.ledger.run(fx.db, async (trx) => {
      runs += 1
      await fx.ledger.transfer(trx, movement(from, to))
      throw mine
    })
    await expect(work).rejects.toBe(mine)
    expect([runs, await fx.balanceMinor(to)]).toEqual([1, 0n])
  })

  test('an error of PostgreSQL that is no collision is thrown unchanged, and not tried again', async () => {
    let runs = 0
    const work = fx.ledger.run(fx.db, async (trx) => {
      runs += 1
      await fx.ledger.transfer(trx, movement(from, to))
      await sql`select 1 / 0`.execute(trx)
    })
    await expect(work).rejects.toMatchObject({ code: '22012' })
    expect([runs, await fx.balanceMinor(to)]).toEqual([1, 0n])
  })

  test('does not call committed what PostgreSQL undid because an error was swallowed', async () => {
    const work = fx.ledger.run(fx.db, async (trx) => {
      await fx.ledger.transfer(trx, movement(from, to))
      await sql`select 1 / 0`.execute(trx).catch(() => undefined)
      return 'done'
    })
    await expect(work).rejects.toMatchObject({
      code: 'LEDGER_TRANSACTION_ABORTED',
      retryable: false,
    })
    expect(await fx.balanceMinor(to)).toBe(0n)
  })

  test('is refused in a transaction and inside itself, and allowed beside itself', async () => {
    const refused = { code: 'LEDGER_INVALID_OPTION' }
    const nothing = async () => undefined
    await fx.db.transaction().execute(async (trx) => {
      await expect(fx.ledger.run(trx, nothing)).rejects.toMatchObject(refused)
    })
    let late: (() => Promise<unknown>) | undefined
    const outer = await fx.ledger.run(fx.db, async () => {
      await expect(fx.ledger.run(fx.db, nothing)).rejects.toMatchObject(refused)
      // Made in the context of this run, called when it is over.
      late = () => fx.ledger.run(fx.db, nothing)
    })
    const [one, other] = await Promise.all([late?.(), fx.ledger.run(fx.db, nothing)])
    for (const result of [outer, one, other]) expect(result).toMatchObject({ attempts: 1 })
  })

  test.each([
    { attempts: 0 },
    { attempts: 21 },
    { attempts: 1.5 },
    { resolveWithinMs: 0 },
    { resolveWithinMs: 60_001 },
  ])('refuses %j', async (options) => {
    const work = fx.ledger.run(fx.db, async () => undefined, options)
    await expect(work).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
  })
})

describe('collisions', () => {
  /** Makes every attempt fail to serialize, but the ones from `from` on. */
  async function collide(until: number, attempts: number, wrap = (error: unknown) => error) {
    let runs = 0
    const result = await fx.ledger.run(
      fx.db,
      async (trx) => {
        runs += 1
        await note(trx, null)
        await fx.ledger.balance(trx, from) // takes the snapshot
        if (runs <= until) await fx.ledger.transfer(fx.db, movement(from, to, 1n))
        await fx.ledger.transfer(trx, movement(from, to, 100n)).catch((error: unknown) => {
          throw wrap(error)
        })
        return runs
      },
      { isolation: 'repeatable read', attempts },
    )
    return { result, runs }
  }

  test('LEDGER-22 a serialization failure runs the whole callback again, which applies once', async () => {
    const before = await notes()
    const { result } = await collide(2, 5)
    expect(result).toEqual({ outcome: 'committed', value: 3, attempts: 3 })
    expect(await notes()).toBe(before + 1)
    expect(await fx.balanceMinor(to)).toBe(102n)
  })

  test('LEDGER-22 a serialization failure that the callback wrapped is one all the same', async () => {
    const wrap = (cause: unknown) => new Error('could not pay', { cause })
    expect((await collide(1, 5, wrap)).result).toMatchObject({ attempts: 2 })
  })

  test('LEDGER-22 when the attempts are used up it is busy, and nothing is written', async () => {
    const before = await notes()
    const { result, runs } = await collide(3, 3)
    expect(result).toMatchObject({ outcome: 'busy', cause: 'serialization' })
    expect((result as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0)
    expect([runs, await notes(), await fx.balanceMinor(to)]).toEqual([3, before, 3n])
  })

  test('LEDGER-02 LEDGER-22 two runs that deadlock both commit', async () => {
    const [c, d] = [await fx.wallet(1_000n), await fx.wallet(1_000n)]
    let arrived = 0
    const bothHaveOne = Promise.withResolvers<void>()
    const pay = (requests: ReturnType<typeof movement>[]) =>
      fx.ledger.run(fx.db, async (trx) => {
        await sql`set local deadlock_timeout = '50ms'`.execute(trx)
        await fx.ledger.transfer(trx, requests[0]!)
        arrived += 1
        if (arrived === 2) bothHaveOne.resolve()
        await bothHaveOne.promise
        await fx.ledger.transfer(trx, requests[1]!)
      })
    const results = await Promise.all([
      pay([movement(from, to), movement(c, d)]),
      pay([movement(c, d), movement(from, to)]),
    ])
    expect(results.map((result) => result.outcome)).toEqual(['committed', 'committed'])
    expect(arrived).toBe(3)
    expect([await fx.balanceMinor(to), await fx.balanceMinor(d)]).toEqual([200n, 1_200n])
  })

  test('LEDGER-22 a serialization failure that comes at COMMIT is tried again too', async () => {
    let runs = 0
    const result = await fx.ledger.run(fx.db, async (trx) => {
      runs += 1
      await note(trx, runs === 1 ? '40001' : null)
    })
    expect(result).toMatchObject({ outcome: 'committed', attempts: 2 })
  })

  test('a constraint that refuses at COMMIT is thrown as it is', async () => {
    let runs = 0
    const work = fx.ledger.run(fx.db, async (trx) => {
      runs += 1
      await note(trx, '23514')
    })
    await expect(work).rejects.toMatchObject({ code: '23514' })
    expect(runs).toBe(1)
  })

  test('an aborted signal ends it before the next attempt and before COMMIT', async () => {
    const before = await notes()
    const reason = new Error('shutting down')
    const work = (controller: AbortController, atCommit: string | null) =>
      fx.ledger.run(
        fx.db,
        async (trx) => {
          await note(trx, atCommit)
          controller.abort(reason)
          if (atCommit !== null) throw Object.assign(new Error('as if'), { code: atCommit })
        },
        { signal: controller.signal },
      )
    await expect(work(new AbortController(), null)).rejects.toBe(reason)
    await expect(work(new AbortController(), '40001')).rejects.toBe(reason)
    const never = fx.ledger.run(fx.db, async () => 1, { signal: AbortSignal.abort(reason) })
    await expect(never).rejects.toBe(reason)
    expect(await notes()).toBe(before)
  })
})

describe('a COMMIT without an answer', () => {
  const applied = ['before_answer', 'mid_answer', 'before_ready'] as const
  test.each(applied)('LEDGER-11 LEDGER-13 cut %s is committed: the server says so', async (at) => {
    await throughProxy(async (db, proxy) => {
      const request = movement(from, to)
      proxy.arm({ at, statement: /^commit$/ })
      const result = await fx.ledger.run(db, async (trx) => {
        return (await fx.ledger.transfer(trx, request)).outcome
      })
      expect(result).toEqual({ outcome: 'committed', value: 'created', attempts: 1 })
      expect(proxy.cuts).toBe(1)
    })
    expect(await fx.balanceMinor(to)).toBe(100n)
  })

  test.each<[CutAt, runsMin: number]>([
    ['before_statement', 2],
    ['in_flight', 1],
  ])(
    'LEDGER-11 LEDGER-13 cut %s is done again if it never happened, and paid once',
    async (at, runsMin) => {
      let runs = 0
      await throughProxy(async (db, proxy) => {
        const request = movement(from, to)
        proxy.arm({ at, statement: /^commit$/, reset: true })
        const result = await fx.ledger.run(db, async (trx) => {
          runs += 1
          return (await fx.ledger.transfer(trx, request)).outcome
        })
        expect(result).toMatchObject({ outcome: 'committed', value: 'created', attempts: runs })
        expect(runs).toBeGreaterThanOrEqual(runsMin)
      })
      expect(await fx.balanceMinor(to)).toBe(100n)
    },
  )

  test('LEDGER-11 of a transaction that wrote nothing is done again', async () => {
    await throughProxy(async (db, proxy) => {
      proxy.arm({ at: 'before_answer', statement: /^commit$/ })
      const result = await fx.ledger.run(db, (trx) => fx.ledger.balance(trx, from))
      expect(result).toMatchObject({ outcome: 'committed', attempts: 2 })
    })
  })

  test('LEDGER-11 is unknown when the server cannot be asked, and resolve tells later', async () => {
    const request = movement(from, to)
    let result: unknown
    await throughProxy(async (db, proxy, pool) => {
      const pay = async (trx: Transaction<any>) => {
        await fx.ledger.transfer(trx, request)
        pool.options.connectionString = 'postgres://postgres@127.0.0.1:1/none'
        proxy.arm({ at: 'before_answer', statement: /^commit$/ })
      }
      result = await fx.ledger.run(db, pay, { resolveWithinMs: 100 })
      pool.options.connectionString = proxy.url
    })
    expect(result).toMatchObject({ outcome: 'unknown', retryAfterMs: 1_000 })
    const { xid } = result as { xid: string }
    expect(await fx.ledger.resolve(fx.db, { xid })).toEqual({ state: 'committed' })
    expect(await fx.ledger.resolve(fx.db, { xid, id: request.id })).toMatchObject({
      state: 'posted',
      transfer: { id: request.id },
    })
  })

  /** Runs a COMMIT that waits on the server while its wire is cut. */
  async function commitThatWaits(
    meanwhile: (xid: string) => Promise<unknown>,
  ): Promise<{ xid: string }> {
    let xid = ''
    await fx.db.transaction().execute(async (blocker) => {
      await sql`select pg_advisory_xact_lock(4711)`.execute(blocker)
      await using proxy = await faultProxy(fx.database.url)
      const pool = new pg.Pool({
        connectionString: proxy.url,
        max: 2,
        application_name: 'waits at commit',
      })
      const db = new Database<any>({
        dialect: new PostgresDialect({ pool: surviveConnectionLoss(pool) }),
      })
      const work = fx.ledger.run(db, (trx) => note(trx, 'wait'), { resolveWithinMs: 150 })
      await waitFor(async () => (await waiting()) === 1)
      proxy.dropAll()
      const result = await work
      expect(result).toMatchObject({ outcome: 'unknown' })
      xid = (result as { xid: string }).xid
      await meanwhile(xid)
      await db.destroy()
    })
    return { xid }
  }

  const waiting = async () => {
    const { rows } = await sql`select from pg_stat_activity
      where application_name = 'waits at commit' and wait_event = 'advisory'`.execute(fx.db)
    return rows.length
  }

  test('LEDGER-11 that is still under way is unknown, in_progress, and committed in the end', async () => {
    const before = await notes()
    const { xid } = await commitThatWaits(async (pending) => {
      expect(await fx.ledger.resolve(fx.db, { xid: pending })).toEqual({ state: 'in_progress' })
      const id = randomUUID()
      expect(await fx.ledger.resolve(fx.db, { xid: pending, id })).toEqual({ state: 'in_progress' })
    })
    await waitFor(async () => (await fx.ledger.resolve(fx.db, { xid })).state === 'committed')
    expect(await notes()).toBe(before + 1)
  })

  test('LEDGER-11 whose backend is ended meanwhile is aborted', async () => {
    const before = await notes()
    const { xid } = await commitThatWaits(async () => {
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'waits at commit' and wait_event = 'advisory'`.execute(fx.db)
      await waitFor(async () => (await waiting()) === 0)
    })
    expect(await fx.ledger.resolve(fx.db, { xid })).toEqual({ state: 'aborted' })
    expect(await notes()).toBe(before)
  })
})

describe('faults before COMMIT', () => {
  test('LEDGER-13 a BEGIN that fails is busy, and gives its connection back or ends it', async () => {
    await throughProxy(async (db, proxy, pool) => {
      let runs = 0
      const work = async () => (runs += 1)
      for (const at of ['before_statement', 'before_answer'] as const) {
        await sql`select 1`.execute(db)
        proxy.arm({ at, statement: /^begin$/ })
        const result = await fx.ledger.run(db, work)
        expect(result).toMatchObject({ outcome: 'busy', cause: 'unavailable' })
        expect([runs, pool.totalCount]).toEqual([0, 0])
      }
      expect(await fx.ledger.run(db, work)).toMatchObject({ outcome: 'committed', value: 1 })
    })
  })

  test('LEDGER-13 a callback whose connection breaks is busy, and nothing is written', async () => {
    await throughProxy(async (db, proxy) => {
      let runs = 0
      const result = await fx.ledger.run(db, async (trx) => {
        runs += 1
        await fx.ledger.transfer(trx, movement(from, to))
        proxy.dropAll()
        await fx.ledger.transfer(trx, movement(from, to))
      })
      expect(result).toMatchObject({ outcome: 'busy', cause: 'unavailable' })
      expect(runs).toBe(1)
      proxy.arm({ at: 'before_answer', statement: /pg_current_xact_id_if_assigned/ })
      const proof = await fx.ledger.run(db, (trx) => fx.ledger.transfer(trx, movement(from, to)))
      expect(proof).toMatchObject({ outcome: 'busy', cause: 'unavailable' })
    })
    expect(await fx.balanceMinor(to)).toBe(0n)
  })

  test('LEDGER-23 a lock that is not had in time is busy, and not tried again', async () => {
    let runs = 0
    await fx.db.transaction().execute(async (blocker) => {
      await fx.ledger.lock(blocker, [from])
      const result = await fx.ledger.run(fx.db, async (trx) => {
        runs += 1
        await sql`set local lock_timeout = 30`.execute(trx)
        return fx.ledger.transfer(trx, movement(from, to))
      })
      expect(result).toMatchObject({ outcome: 'busy', cause: 'lock_timeout' })
    })
    expect([runs, await fx.balanceMinor(to)]).toEqual([1, 0n])
  })

  test('LEDGER-23 a pool that gives no connection is busy: nothing began', async () => {
    await throughProxy(async (db, _, pool) => {
      let runs = 0
      await db.connection().execute(async () => {
        pool.options.connectionTimeoutMillis = 50 // for the next one, which finds the pool empty
        const result = await fx.ledger.run(db, async () => (runs += 1))
        expect(result).toMatchObject({ outcome: 'busy', cause: 'pool_timeout' })
      })
      expect(runs).toBe(0)
    })
  })

  test('LEDGER-24 a callback that asks the pool instead of its transaction is busy, not stuck', async () => {
    await throughProxy(
      async (db) => {
        const result = await fx.ledger.run(db, async (trx) => {
          await fx.ledger.transfer(trx, movement(from, to))
          await sql`select 1`.execute(db)
        })
        expect(result).toMatchObject({ outcome: 'busy', cause: 'pool_timeout' })
        // A verb answers so by itself, and the callback decides.
        const answered = await fx.ledger.run(db, () => fx.ledger.transfer(db, movement(from, to)))
        expect(answered).toMatchObject({
          outcome: 'committed',
          value: { outcome: 'busy', cause: 'pool_timeout' },
        })
      },
      { connectionTimeoutMillis: 200 },
    )
    expect(await fx.balanceMinor(to)).toBe(0n)
  })

  test("an error of somebody else's wire is the callback's own, whatever it is called", async () => {
    const theirs = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const work = fx.ledger.run(fx.db, () => Promise.reject(theirs))
    await expect(work).rejects.toBe(theirs)
  })

  test('a database that is not there is thrown', async () => {
    const elsewhere = new Database<any>({
      dialect: new PostgresDialect({
        pool: new pg.Pool({ connectionString: fx.database.url.replace(/[^/]*$/, 'nowhere') }),
      }),
    })
    const work = fx.ledger.run(elsewhere, async () => 1)
    await expect(work).rejects.toSatisfy((error) => LedgerError.is(error))
    await elsewhere.destroy()
  })
})
