/*
 * Goal: no call deadlocks with another, waiting ends as an answer and a lost connection ends
 * nothing else. Method: storms, and locks held on purpose by a second connection.
 */
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Executor, LedgerError } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'
import { withOwnPool as withPool } from './support/own-pool.ts'
import { faultProxy } from './support/wire/fault-proxy.ts'
import { silentPort } from './support/wire/silent-port.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

/** A pool of its own on this file's database. */
const withOwnPool: typeof withPool = (config, act) =>
  withPool({ connectionString: fx.database.url, ...config }, act)

describe('lock order', () => {
  test('LEDGER-01 transfers back and forth among ten accounts never deadlock', async () => {
    const wallets = await Promise.all(times(10, () => fx.wallet(1_000_000n)))
    const results = await Promise.all(
      times(16, async (client) => {
        const outcomes = []
        for (let i = 0; i < 60; i += 1) {
          // Every client walks the pairs the other way round than its neighbour.
          const [a, b] = [(client + i) % 10, (client + 7 * i + 1) % 10]
          const pair = client % 2 === 0 ? [a, b] : [b, a]
          if (a === b) continue
          const [from, to] = pair.map((n) => wallets[n] as string) as [string, string]
          outcomes.push(await fx.ledger.transfer(fx.db, movement(from, to, 1n)))
        }
        return outcomes
      }),
    )
    expect(Object.keys(tally(results.flat()))).toEqual(['created'])
  })

  test('LEDGER-01 holds, captures, releases and clean-up on the same pair never deadlock', async () => {
    const [a, b] = [await fx.wallet(1_000_000n), await fx.wallet(1_000_000n)]
    const results = await Promise.all(
      times(60, async (i) => {
        const [from, to] = i % 2 === 0 ? [a, b] : [b, a]
        const hold = movement(from, to, 1n, { expiresInMs: i % 3 === 0 ? 1 : 60_000 })
        const held = await fx.ledger.hold(fx.db, hold)
        const ended =
          i % 4 < 2
            ? await fx.ledger.capture(fx.db, { holdId: hold.id })
            : await fx.ledger.release(fx.db, { holdId: hold.id })
        await fx.ledger.expireHolds(fx.db)
        return [held, ended]
      }),
    )
    const ends = Object.keys(tally(results.flat()))
    expect(ends.filter((end) => end.startsWith('busy') || end.startsWith('unknown'))).toEqual([])
  })

  test('LEDGER-02 two calls in one transaction can deadlock: one fails retryable, nothing is half done', async () => {
    const [a, b, c, d] = await Promise.all(times(4, () => fx.wallet(1_000n)))
    const first = [movement(a as string, b as string), movement(c as string, d as string)] as const
    const second = [movement(c as string, d as string), movement(a as string, b as string)] as const
    let arrived = 0
    const bothHaveOne = Promise.withResolvers<void>()
    const run = (requests: typeof first) =>
      fx.db.transaction().execute(async (trx) => {
        await sql`set local deadlock_timeout = '50ms'`.execute(trx)
        await fx.ledger.transfer(trx, requests[0])
        arrived += 1
        if (arrived === 2) bothHaveOne.resolve()
        await bothHaveOne.promise
        await fx.ledger.transfer(trx, requests[1])
      })
    const ends = await Promise.allSettled([run(first), run(second)])
    const failed = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []))
    expect(failed).toHaveLength(1)
    expect(LedgerError.is(failed[0])).toBe(true)
    expect(failed[0]).toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
    expect(await fx.balanceMinor(a as string)).toBe(900n)
    expect(await fx.balanceMinor(d as string)).toBe(1_100n)
  })

  test('LEDGER-03 a foreign key of another table to an account does not make a transfer wait', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    await sql`create table public.customer
      (id int primary key, account_id uuid references ledger.account (id))`.execute(fx.db)
    await fx.db.transaction().execute(async (trx) => {
      // Takes FOR KEY SHARE on both account rows until this transaction ends.
      await sql`insert into public.customer values (1, ${from}::uuid), (2, ${to}::uuid)`.execute(
        trx,
      )
      await withOwnPool({ options: '-c lock_timeout=1000' }, async (db) => {
        expect(tally([await fx.ledger.transfer(db, movement(from, to))])).toEqual({ created: 1 })
      })
    })
    await sql`drop table public.customer`.execute(fx.db)
  })

  test('LEDGER-04 no foreign key makes waiters for a hot account lock its row twice', async () => {
    const hot = await fx.wallet(1_000n)
    const sinks = await Promise.all(times(8, () => fx.wallet()))
    const results = await Promise.all(
      times(160, (i) => fx.ledger.transfer(fx.db, movement(hot, sinks[i % 8] as string, 1n))),
    )
    expect(tally(results)).toEqual({ created: 160 })
    const { rows } = await sql<{ conname: string }>`select conname from pg_constraint
      where contype = 'f' and conrelid in ('ledger.transfer'::regclass, 'ledger.hold'::regclass)`.execute(
      fx.db,
    )
    expect(rows).toEqual([])
  })
})

describe('faults', () => {
  /** Holds the lock of an account while `act` runs. */
  async function whileLocked(accountId: string, act: () => Promise<void>): Promise<void> {
    await fx.db.transaction().execute(async (trx) => {
      await sql`select from ledger.account where id = ${accountId}::uuid for no key update`.execute(
        trx,
      )
      await act()
    })
  }

  test.each([
    ['lock_timeout', '-c lock_timeout=30'],
    ['statement_timeout', '-c statement_timeout=60'],
  ])(
    'LEDGER-23 %s: alone it is busy, in a transaction it throws, and nothing is written',
    async (cause, options) => {
      const [from, to] = [await fx.wallet(100n), await fx.wallet()]
      const request = movement(from, to)
      await whileLocked(from, () =>
        withOwnPool({ options }, async (db, pool) => {
          const result = await fx.ledger.transfer(db, request)
          expect(result).toMatchObject({ outcome: 'busy', cause })
          expect((result as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0)
          const inside = db.transaction().execute((trx) => fx.ledger.transfer(trx, request))
          await expect(inside).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
          expect(pool.idleCount).toBe(pool.totalCount)
        }),
      )
      expect(await fx.ledger.lookup(fx.db, request.id)).toBeNull()
      expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('created')
    },
  )

  test('LEDGER-23 no free connection and no server are busy: nothing was sent', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    await withOwnPool({ max: 1, connectionTimeoutMillis: 2_000 }, async (db, pool) => {
      await db.connection().execute(async () => {
        pool.options.connectionTimeoutMillis = 50 // for the next one, which finds the pool empty
        const result = await fx.ledger.transfer(db, movement(from, to))
        expect(result).toMatchObject({ outcome: 'busy', cause: 'pool_timeout' })
      })
    })
    await using silent = await silentPort()
    const unanswered = { connectionString: silent.url, connectionTimeoutMillis: 50 }
    await withOwnPool(unanswered, async (db) => {
      const result = await fx.ledger.transfer(db, movement(from, to))
      expect(result).toMatchObject({ outcome: 'busy', cause: 'unavailable' })
    })
    const nowhere = { connectionString: 'postgres://postgres@127.0.0.1:1/none' }
    await withOwnPool(nowhere, async (db) => {
      const result = await fx.ledger.transfer(db, movement(from, to))
      expect(result).toMatchObject({ outcome: 'busy', cause: 'unavailable' })
      const read = fx.ledger.balance(db, from)
      await expect(read).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
    })
  })

  test('a server that takes no writes, as after a failover, is busy', async () => {
    const request = movement(await fx.wallet(100n), await fx.wallet())
    await withOwnPool({ options: '-c default_transaction_read_only=on' }, async (db) => {
      expect(await fx.ledger.transfer(db, request)).toMatchObject({
        outcome: 'busy',
        cause: 'unavailable',
      })
    })
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('created')
  })

  test('a connection lost under a statement is unknown, and the same call tells the truth', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    await whileLocked(from, () =>
      withOwnPool({ max: 1, application_name: 'to be ended' }, async (db) => {
        const pending = fx.ledger.transfer(db, request)
        await waitFor(async () => (await endBackends(fx.db, 'to be ended', 'Lock')) === 1)
        expect(await pending).toMatchObject({ outcome: 'unknown', id: request.id })
      }),
    )
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('created')
  })

  test('LEDGER-11 an applied call whose answer is lost is unknown, and pays once when sent again', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    await using proxy = await faultProxy(fx.database.url)
    await withOwnPool({ connectionString: proxy.url, max: 1 }, async (db) => {
      proxy.arm({ at: 'before_answer', statement: /ledger\.transfer/ })
      expect(await fx.ledger.transfer(db, request)).toMatchObject({
        outcome: 'unknown',
        id: request.id,
      })
    })
    expect(await fx.ledger.lookup(fx.db, request.id)).not.toBeNull()
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('replayed')
    expect(await fx.balanceMinor(to)).toBe(100n)
  })

  test("a statement the driver gave up on (pg's query_timeout) is unknown: it may still apply", async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    await withOwnPool({ max: 1, query_timeout: 200 }, async (db) => {
      await whileLocked(from, async () => {
        expect(await fx.ledger.transfer(db, request)).toMatchObject({
          outcome: 'unknown',
          id: request.id,
        })
      })
      await waitFor(async () => (await fx.ledger.lookup(fx.db, request.id)) !== null)
    })
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('replayed')
  })

  test('LEDGER-22 a serialization failure in a transaction of the caller is thrown, not retried', async () => {
    const [from, to] = [await fx.wallet(1_000n), await fx.wallet()]
    let runs = 0
    const work = fx.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        runs += 1
        await fx.ledger.balance(trx, from) // takes the snapshot
        await fx.ledger.transfer(fx.db, movement(from, to)) // somebody else is quicker
        await fx.ledger.transfer(trx, movement(from, to))
      })
    await expect(work).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
    expect([runs, await fx.balanceMinor(from)]).toEqual([1, 900n])
  })

  test('LEDGER-24 every verb inside a transaction uses its connection, so a pool of one is enough', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    await withOwnPool({ max: 1, connectionTimeoutMillis: 2_000 }, async (db) => {
      await db.transaction().execute(async (trx) => {
        const hold = movement(from, to, 10n)
        const account = { id: hold.id, currency: 'USD', kind: 'asset' } as const
        const outcomes = [
          await fx.ledger.accounts.create(trx, account),
          await fx.ledger.transfer(trx, movement(from, to, 10n)),
          await fx.ledger.hold(trx, hold),
          await fx.ledger.capture(trx, {
            id: movement(from, to).id,
            holdId: hold.id,
            amountMinor: 1n,
          }),
          await fx.ledger.release(trx, { holdId: hold.id }),
        ]
        expect(tally(outcomes)).toEqual({ created: 5 })
        await fx.ledger.expireHolds(trx)
        await fx.ledger.lookup(trx, hold.id)
        await fx.ledger.entries(trx, { accountId: from, limit: 1 })
        await fx.ledger.trialBalance(trx)
        expect((await fx.ledger.verify(trx)).findings).toEqual([])
      })
    })
  })

  test('LEDGER-10 LEDGER-12 a backend ended before COMMIT fails the transaction whole, not the process', async () => {
    const [from, to] = [await fx.wallet(100n), await fx.wallet()]
    const request = movement(from, to)
    const deaths: unknown[] = []
    const onDeath = (error: unknown) => deaths.push(error)
    process.on('uncaughtException', onDeath)
    await withOwnPool({ max: 1, application_name: 'idle in between' }, async (db, _, losses) => {
      const work = db.transaction().execute(async (trx) => {
        await fx.ledger.transfer(trx, request)
        await waitFor(async () => (await endBackends(fx.db, 'idle in between', 'Client')) === 1)
        // The client hears of it while nobody waits for an answer: without a listener that is
        // fatal.
        await waitFor(() => losses.length > 0)
        await fx.ledger.transfer(trx, movement(from, to))
      })
      await expect(work).rejects.toBeInstanceOf(Error)
    })
    process.off('uncaughtException', onDeath)
    expect(deaths).toEqual([])
    expect(await fx.ledger.lookup(fx.db, request.id)).toBeNull()
    expect(await fx.balanceMinor(from)).toBe(100n)
    expect((await fx.ledger.transfer(fx.db, request)).outcome).toBe('created')
  })
})

/** Ends the backends of an application that wait for something; answers how many there were. */
async function endBackends(db: Executor, application: string, waitsFor: string): Promise<number> {
  const { rows } = await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = ${application} and wait_event_type = ${waitsFor}`.execute(db)
  return rows.length
}
