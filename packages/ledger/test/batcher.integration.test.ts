/*
 * Goal: a transfer through a batcher ends as it does alone, and nobody else's trouble is its own.
 * Method: many callers at once on the real server; locks held on purpose, a wire that is cut, a
 * trigger that refuses one row.
 */
import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type BatcherOptions,
  createLedger,
  type TransferInput,
  type TransferResult,
} from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'
import { withOwnPool } from './support/own-pool.ts'
import { faultProxy } from './support/wire/fault-proxy.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 12 })
})
afterAll(() => fx.closeSound())

const batcher = (options: BatcherOptions = {}) => fx.ledger.batcher(fx.db, options)

/** How many statements wrote these: the rows of one have one time, to the microsecond. */
async function statements(results: readonly TransferResult[]): Promise<number> {
  const ids = results.map((result) => ('transfer' in result ? result.transfer.id : null))
  const { rows } = await sql<{ n: number }>`select count(distinct created_at)::int as n
    from ledger.transfer where id = any (${ids}::uuid[])`.execute(fx.db)
  return rows[0]?.n ?? 0
}

/** Holds the lock of an account while `act` runs. */
const whileLocked = (accountId: string, act: () => Promise<void>) =>
  fx.db.transaction().execute(async (trx) => {
    await sql`select from ledger.account where id = ${accountId}::uuid for no key update`.execute(
      trx,
    )
    await act()
  })

describe('batcher', () => {
  test('sends what is asked for at the same time in one statement, and answers each', async () => {
    const [a, b] = [await fx.wallet(1_000n), await fx.wallet()]
    await using batches = batcher()
    const request = movement(a, b, 1n)
    const results = await Promise.all([
      batches.transfer(request),
      batches.transfer({ ...request, id: 'x' }),
      batches.transfer(movement(a, b, 5_000n)),
      batches.transfer(request),
      batches.transfer({ ...request, amountMinor: 2n }),
      ...times(50, () => batches.transfer(movement(a, b, 1n))),
    ])
    expect(results.slice(0, 5)).toMatchObject([
      { outcome: 'created', transfer: { id: request.id, debitSeq: 2n } },
      { outcome: 'rejected', reason: 'id_invalid' },
      { outcome: 'rejected', reason: 'insufficient_funds', detail: { availableMinor: 999n } },
      { outcome: 'replayed', transfer: { id: request.id } },
      { outcome: 'conflict', differs: ['amountMinor'] },
    ])
    expect(tally(results.slice(5))).toEqual({ created: 50 })
    expect(await statements(results)).toBe(1)
    expect(batches.size).toBe(0)
  })

  test('fills a statement to itemsMax at most, and sends the rest as lanes come free', async () => {
    const [a, b] = [await fx.wallet(1_000n), await fx.wallet()]
    await using batches = batcher({ itemsMax: 10, lanes: 1 })
    const pending = times(35, () => batches.transfer(movement(a, b, 1n)))
    expect(batches.size).toBe(35)
    const results = await Promise.all(pending)
    expect(tally(results)).toEqual({ created: 35 })
    expect(await statements(results)).toBe(4)
  })

  test('waits for company no longer than it is open', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    const batches = batcher({ waitMs: 1_000 })
    const first = batches.transfer(movement(a, b, 1n))
    for (let i = 0; i < 5; i += 1) await turn()
    const second = batches.transfer(movement(a, b, 1n))
    await batches.close()
    expect(await statements(await Promise.all([first, second]))).toBe(1)
  })

  test('takes a request as it is at the call', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    await using batches = batcher()
    const request = { ...movement(a, b, 1n), metadata: { n: 1 } }
    const pending = batches.transfer(request)
    request.amountMinor = 2n
    request.metadata.n = 2
    expect(await pending).toMatchObject({ transfer: { amountMinor: 1n, metadata: { n: 1 } } })
  })

  test('LEDGER-07 of the same requests from many callers each counts once, whatever lane has it', async () => {
    const wallets = await Promise.all(times(5, () => fx.wallet(10_000n)))
    const requests = times(40, (i) =>
      movement(wallets[i % 5] as string, wallets[(i + 1 + (i % 4)) % 5] as string, 1n),
    )
    await using one = batcher({ itemsMax: 7, lanes: 4 })
    await using other = batcher({ itemsMax: 13, lanes: 3 })
    const results = await Promise.all(
      times(6, async (caller) => {
        const mine = caller % 2 === 0 ? requests : requests.toReversed()
        const through = caller % 3 === 0 ? one : other
        return Promise.all(mine.map((request) => through.transfer(request)))
      }),
    )
    expect(tally(results.flat())).toEqual({ created: 40, replayed: 200 })
    for (const answers of results) {
      for (const answer of answers) expect(answer).toHaveProperty('transfer.amountMinor', 1n)
    }
  })

  test('LEDGER-05 lets nobody spend twice, however many ask', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    await using batches = batcher({ itemsMax: 8, lanes: 3 })
    const results = await Promise.all(times(60, () => batches.transfer(movement(a, b, 10n))))
    expect(tally(results)).toEqual({ created: 10, 'rejected: insufficient_funds': 50 })
  })
})

describe('back-pressure and the end', () => {
  test('LEDGER-23 beyond queueMax it is busy, with nothing sent, and takes more when there is room', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    await using batches = batcher({ itemsMax: 2, lanes: 1, queueMax: 3 })
    let pending: Promise<TransferResult>[] = []
    await whileLocked(a, async () => {
      pending = times(5, () => batches.transfer(movement(a, b, 1n)))
      const refused = await batches.transfer(movement(a, b, 1n))
      expect(refused).toEqual({
        outcome: 'busy',
        cause: 'queue_full',
        retryAfterMs: expect.any(Number),
      })
      expect(batches.size).toBe(5)
    })
    expect(tally(await Promise.all(pending))).toEqual({ created: 5 })
    expect(tally([await batches.transfer(movement(a, b, 1n))])).toEqual({ created: 1 })
    expect(await fx.balanceMinor(b)).toBe(6n)
  })

  test('close answers all that were taken, and takes no more', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    const batches = batcher({ itemsMax: 3, lanes: 1 })
    const pending = times(10, () => batches.transfer(movement(a, b, 1n)))
    const closed = [batches.close(), batches.close()]
    const late = await batches.transfer(movement(a, b, 1n))
    expect(late).toMatchObject({ outcome: 'busy', cause: 'unavailable' })
    await Promise.all(closed)
    expect(batches.size).toBe(0)
    expect(tally(await Promise.all(pending))).toEqual({ created: 10 })
    await batches.close()
    await batcher().close()
  })

  test('refuses a transaction, and options out of range', async () => {
    const invalid = { code: 'LEDGER_INVALID_OPTION' }
    await fx.db.transaction().execute(async (trx) => {
      expect(() => fx.ledger.batcher(trx)).toThrow(expect.objectContaining(invalid))
    })
    for (const options of [
      { itemsMax: 0 },
      { itemsMax: 1_001 },
      { waitMs: -1 },
      { waitMs: 0.5 },
      { lanes: 33 },
      { queueMax: 0 },
    ]) {
      expect(() => batcher(options)).toThrow(expect.objectContaining(invalid))
    }
  })
})

describe('faults', () => {
  test('LEDGER-11 a lost answer is unknown to exactly the transfers of that statement', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    const requests = times(9, () => movement(a, b, 1n))
    await using proxy = await faultProxy(fx.database.url)
    await withOwnPool({ connectionString: proxy.url, max: 1 }, async (db) => {
      await using batches = fx.ledger.batcher(db, { itemsMax: 3, lanes: 1 })
      proxy.arm({ at: 'before_answer', statement: /ledger\.transfer_many/ })
      const results = await Promise.all(requests.map((request) => batches.transfer(request)))
      expect(results.slice(0, 3)).toMatchObject(
        requests.slice(0, 3).map(({ id }) => ({ outcome: 'unknown', id })),
      )
      expect(tally(results.slice(3))).toEqual({ created: 6 })
      const again = await Promise.all(requests.map((request) => batches.transfer(request)))
      expect(tally(again)).toEqual({ replayed: 9 })
    })
    expect(await fx.balanceMinor(b)).toBe(9n)
  })

  test('LEDGER-23 a lock that takes too long is busy to those of that statement only', async () => {
    const [a, b, locked] = [await fx.wallet(100n), await fx.wallet(), await fx.wallet(100n)]
    const options = '-c lock_timeout=30'
    await withOwnPool({ connectionString: fx.database.url, options }, async (db) => {
      await using batches = fx.ledger.batcher(db, { itemsMax: 2, lanes: 1 })
      await whileLocked(locked, async () => {
        const requests = [a, locked, a, a].map((from) => movement(from, b, 1n))
        const results = await Promise.all(requests.map((request) => batches.transfer(request)))
        expect(results.map(({ outcome }) => outcome)).toEqual([
          'busy',
          'busy',
          'created',
          'created',
        ])
      })
    })
  })

  test('what PostgreSQL refuses outright fails alone, and its neighbours are posted', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    await sql`create function public.refuse_poison() returns trigger language plpgsql as
      'begin raise exception ''poison''; end'`.execute(fx.db)
    await sql`create trigger poison before insert on ledger.transfer for each row
      when (new.code = 'poison') execute function public.refuse_poison()`.execute(fx.db)
    await using batches = batcher()
    const request = (i: number): TransferInput => ({
      ...movement(a, b, 1n),
      code: i === 5 ? 'poison' : 'sound',
    })
    const ends = await Promise.allSettled(times(9, (i) => batches.transfer(request(i))))
    await sql`drop trigger poison on ledger.transfer`.execute(fx.db)
    const failed = ends.flatMap((end, i) => (end.status === 'rejected' ? [[i, end.reason]] : []))
    expect(failed).toEqual([[5, expect.objectContaining({ code: 'LEDGER_DATABASE' })]])
    expect(await fx.balanceMinor(b)).toBe(8n)
  })

  test('without its schema every transfer is told so, once', async () => {
    const batches = createLedger({ schema: 'elsewhere' }).batcher(fx.db)
    const transfers = times(3, () => batches.transfer(movement(randomUUID(), randomUUID())))
    for (const transfer of transfers) {
      await expect(transfer).rejects.toMatchObject({ code: 'LEDGER_NOT_MIGRATED' })
    }
    await batches.close()
  })
})
