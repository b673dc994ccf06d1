/*
 * Goal: transactions that begin with lock cannot deadlock, whatever the order of their calls. Method:
 * the same transfers in opposite orders, hundreds of times at once, and a look at who waits for whom.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Executor } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

const ROUNDS = 200

describe('lock', () => {
  test(`LEDGER-02 several transfers in opposite orders never deadlock behind it, ${ROUNDS} times`, async () => {
    const wallets = await Promise.all(
      times(4, (i) => fx.wallet(1_000_000n, { hot: i === 1 ? 'sharded:2' : 'exact' })),
    )
    const [a, b, c, d] = wallets as [string, string, string, string]
    const pairs = [[a, b] as const, [c, d] as const]
    const round = (backwards: boolean) =>
      fx.ledger.run(
        fx.db,
        async (trx) => {
          await sql`set local deadlock_timeout = '20ms'`.execute(trx)
          const { notFound } = await fx.ledger.lock(trx, wallets)
          expect(notFound).toEqual([])
          for (const pair of backwards ? pairs.toReversed() : pairs) {
            const [debit, credit] = backwards ? [pair[1], pair[0]] : pair
            const { outcome } = await fx.ledger.transfer(trx, movement(debit, credit, 1n))
            expect(outcome).toBe('created')
          }
        },
        { attempts: 1 },
      )
    const clients = times(8, async (client) => {
      const results = []
      for (let i = 0; i < (2 * ROUNDS) / 8; i += 1) results.push(await round(client % 2 === 0))
      return results
    })
    // Single calls beside them: they lock in the same order.
    const singles = times(4, async (client) => {
      const results = []
      for (let i = 0; i < ROUNDS / 4; i += 1) {
        const pair = pairs[(client + i) % 2]!
        const [debit, credit] = i % 2 === 0 ? pair : pair.toReversed()
        const back = movement(credit!, debit!, 1n)
        results.push(await fx.ledger.transfer(fx.db, movement(debit!, credit!, 1n)))
        results.push(await fx.ledger.transfer(fx.db, back))
      }
      return results
    })
    const results = await Promise.all([...clients, ...singles])
    expect(tally(results.flat())).toEqual({ committed: 2 * ROUNDS, created: 2 * ROUNDS })
    const balances = await Promise.all(wallets.map((wallet) => fx.balanceMinor(wallet)))
    expect(balances).toEqual(times(4, () => 1_000_000n))
  })

  test('holds every account named until the transaction ends, and no other', async () => {
    const [a, b, other] = await Promise.all(times(3, () => fx.wallet(100n)))
    let blocked: Promise<unknown> | undefined
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.lock(trx, [b!, a!, b!])
      expect((await fx.ledger.transfer(fx.db, movement(fx.sourceId, other!))).outcome).toBe(
        'created',
      )
      blocked = fx.ledger.transfer(fx.db, movement(fx.sourceId, a!))
      await waitFor(async () => (await waitingForRows(fx.db)) === 1)
      expect(await fx.balanceMinor(a!)).toBe(100n) // reads wait for nobody
    })
    expect(await blocked).toMatchObject({ outcome: 'created' })
  })

  test('holds every part of a sharded account', async () => {
    const [hot, other] = [await fx.account({ hot: 'sharded:4' }), await fx.account()]
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.lock(trx, [hot])
      const passed = await Promise.all(
        times(16, (i) =>
          fx.ledger.run(fx.db, async (late) => {
            await sql`set local lock_timeout = 30`.execute(late)
            // The last digit of an id decides on which part it is.
            const id = randomUUID().slice(0, -1) + i.toString(16)
            return fx.ledger.transfer(late, { ...movement(other, hot, 1n), id })
          }),
        ),
      )
      expect(tally(passed)).toEqual({ 'busy: lock_timeout': 16 })
    })
    expect((await fx.ledger.transfer(fx.db, movement(other, hot))).outcome).toBe('created')
  })

  test('names the ids that are no account, and locks the others', async () => {
    const [wallet, stranger] = [await fx.wallet(), randomUUID()]
    await fx.db.transaction().execute(async (trx) => {
      const locked = await fx.ledger.lock(trx, [stranger, wallet, 'no uuid', stranger])
      expect(locked).toEqual({ notFound: [stranger, 'no uuid'] })
      expect(await fx.ledger.lock(trx, [])).toEqual({ notFound: [] })
      expect(await fx.ledger.lock(trx, [wallet.toUpperCase()])).toEqual({ notFound: [] })
    })
  })

  test('is refused outside a transaction, and beyond a thousand ids', async () => {
    const refused = { code: 'LEDGER_INVALID_OPTION', retryable: false }
    const { db, ledger } = fx
    await expect(ledger.lock(db, [fx.sourceId])).rejects.toMatchObject(refused)
    await db.transaction().execute(async (trx) => {
      await ledger.lock(
        trx,
        times(1_000, () => randomUUID()),
      )
      const tooMany = ledger.lock(
        trx,
        times(1_001, () => randomUUID()),
      )
      await expect(tooMany).rejects.toMatchObject(refused)
      await expect(ledger.lock(trx, fx.sourceId as never)).rejects.toMatchObject(refused)
    })
  })

  test('LEDGER-23 a lock that is not had in time is thrown, as every fault inside a transaction', async () => {
    const wallet = await fx.wallet()
    await fx.db.transaction().execute(async (trx) => {
      await fx.ledger.lock(trx, [wallet])
      const other = fx.db.transaction().execute(async (late) => {
        await sql`set local lock_timeout = 30`.execute(late)
        await fx.ledger.lock(late, [wallet])
      })
      await expect(other).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
    })
  })
})

/** Backends of this database that wait for somebody's row. */
async function waitingForRows(db: Executor): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
  return rows.length
}
