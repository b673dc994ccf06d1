/*
 * Goal: many transfers in one statement end as the same ones do alone, whoever else is at work.
 * Method: batches on the real server; locks and uncommitted ids held on purpose by a second
 * connection; a wire that is cut.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LedgerError, type TransferInput, type TransferResult } from '../src/index.ts'
import { brokenLinks } from './support/chain.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'
import { withOwnPool } from './support/own-pool.ts'
import { faultProxy } from './support/wire/fault-proxy.ts'

const AMOUNT_MAX = 9_223_372_036_854_775_807n

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 12 })
})
afterAll(() => fx.closeSound())

const outcomes = (results: readonly TransferResult[]) =>
  results.map((result) =>
    result.outcome === 'rejected' ? `rejected: ${result.reason}` : result.outcome,
  )

const shuffled = <T>(list: readonly T[]): T[] =>
  list
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item)

/** Waits until somebody waits for a lock in a statement like this. */
const someoneWaits = (statement: string) =>
  waitFor(async () => {
    const { rows } = await sql`select from pg_stat_activity where datname = current_database()
      and wait_event_type = 'Lock' and query like ${`%${statement}%`}`.execute(fx.db)
    return rows.length > 0
  })

describe('transferMany', () => {
  test('LEDGER-21 an item spends what an earlier one brought, and nothing of a later one', async () => {
    const [a, b, c] = [await fx.wallet(100n), await fx.wallet(), await fx.wallet()]
    const results = await fx.ledger.transferMany(fx.db, [
      movement(c, a, 100n),
      movement(a, b, 100n),
      movement(b, c, 100n),
      movement(c, a, 60n),
    ])
    expect(outcomes(results)).toEqual([
      'rejected: insufficient_funds',
      'created',
      'created',
      'created',
    ])
    expect(results[0]).toMatchObject({
      detail: { accountId: c, availableMinor: 0n, floorMinor: 0n },
    })
    expect(results[3]).toMatchObject({
      transfer: { debitSeq: 2n, debitBalanceMinor: 40n, creditBalanceMinor: 60n },
    })
    expect([await fx.balanceMinor(a), await fx.balanceMinor(b)]).toEqual([60n, 0n])
  })

  test('LEDGER-21 of one id twice, the second is replayed, or a conflict where it differs', async () => {
    const [a, b] = [await fx.wallet(1_000n), await fx.wallet()]
    const request = { ...movement(a, b), code: 'fee', metadata: { n: 1, at: { deep: '"\\{}' } } }
    const results = await fx.ledger.transferMany(fx.db, [
      request,
      movement(a, b, 1n),
      { ...request, id: request.id.toUpperCase(), metadata: { at: { deep: '"\\{}' }, n: 1 } },
      { ...request, amountMinor: 7n, metadata: null },
    ])
    const [first] = results
    if (first?.outcome !== 'created') throw new Error('not created')
    expect(outcomes(results)).toEqual(['created', 'created', 'replayed', 'conflict'])
    expect(results[2]).toEqual({ outcome: 'replayed', transfer: first.transfer })
    expect(results[3]).toEqual({
      outcome: 'conflict',
      differs: ['amountMinor', 'metadata'],
      existing: first.transfer,
    })
    expect(await fx.ledger.transfer(fx.db, request)).toEqual(results[2])
    expect(await fx.balanceMinor(b)).toBe(101n)
  })

  test('LEDGER-21 of one id twice, the second counts where the first was refused', async () => {
    const [a, b] = [await fx.wallet(), await fx.wallet(500n)]
    const request = movement(a, b)
    const results = await fx.ledger.transferMany(fx.db, [request, movement(b, a), request, request])
    expect(outcomes(results)).toEqual([
      'rejected: insufficient_funds',
      'created',
      'created',
      'replayed',
    ])
  })

  test('LEDGER-21 item 7 is refused, and the other nine are as if it had never come', async () => {
    const [a, b] = [await fx.wallet(1_000n), await fx.wallet()]
    const items = times(10, (i) => movement(a, b, i === 6 ? 5_000n : 10n))
    const results = await fx.ledger.transferMany(fx.db, items)
    expect(tally(results)).toEqual({ created: 9, 'rejected: insufficient_funds': 1 })
    expect(results[6]).toMatchObject({ detail: { accountId: a, availableMinor: 940n } })
    expect(await fx.ledger.lookup(fx.db, items[6]?.id as string)).toBeNull()
    expect(await fx.balanceMinor(b)).toBe(90n)
    const again = await fx.ledger.transferMany(fx.db, items)
    expect(tally(again)).toEqual({ replayed: 9, 'rejected: insufficient_funds': 1 })
  })

  test('LEDGER-14 running sums that come to the end of bigint refuse the item that passes it', async () => {
    const [from, to, other] = [await fx.account(), await fx.account(), await fx.account()]
    const results = await fx.ledger.transferMany(fx.db, [
      movement(from, to, AMOUNT_MAX - 10n),
      movement(from, other, 11n),
      movement(other, to, 11n),
      movement(from, to, 10n),
      movement(other, to, 1n),
      movement(to, from, AMOUNT_MAX),
    ])
    expect(outcomes(results)).toEqual([
      'created',
      'rejected: overflow',
      'rejected: overflow',
      'created',
      'rejected: overflow',
      'created',
    ])
    expect(results.slice(1, 3)).toMatchObject([
      { detail: { accountId: from } },
      { detail: { accountId: to } },
    ])
    expect([await fx.balanceMinor(from), await fx.balanceMinor(to)]).toEqual([0n, 0n])
  })

  test('LEDGER-17 items that name no account, a wrong currency or no shape at all stand alone', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    const euros = await fx.account({ currency: 'EUR' })
    const [nobody, nothing] = [randomUUID(), randomUUID()]
    const results = await fx.ledger.transferMany(fx.db, [
      movement(nobody, b),
      movement(a, nothing, 1n),
      movement(a, euros, 1n),
      { ...movement(a, b, 1n), currency: 'EUR' },
      { ...movement(a, b), amountMinor: 5 as unknown as bigint },
      null as unknown as TransferInput,
      { ...movement(a, b, 40n), code: 'NULL' },
      movement(a, a),
    ])
    expect(results).toMatchObject([
      { reason: 'account_not_found', detail: { field: 'debitAccountId', accountId: nobody } },
      { reason: 'account_not_found', detail: { field: 'creditAccountId', accountId: nothing } },
      { reason: 'currency_mismatch', detail: { accountId: euros, currency: 'EUR' } },
      { reason: 'currency_mismatch', detail: { accountId: a, currency: 'USD' } },
      { reason: 'amount_invalid', detail: { field: 'amountMinor' } },
      { reason: 'id_invalid', detail: { field: 'id' } },
      { outcome: 'created', transfer: { code: 'NULL', debitBalanceMinor: 60n } },
      { reason: 'same_account' },
    ])
  })

  test('LEDGER-09 remembers the refusals it is asked to remember, and of them the first of an id', async () => {
    const [a, b] = [await fx.wallet(), await fx.wallet(500n)]
    const recorded = { ...movement(a, b), onReject: 'record' as const }
    const forgotten = movement(a, b)
    const results = await fx.ledger.transferMany(fx.db, [
      recorded,
      forgotten,
      movement(b, a, 200n),
      { ...recorded, onReject: 'forget' },
      { ...recorded, amountMinor: 1n },
      forgotten,
    ])
    expect(results).toMatchObject([
      { reason: 'insufficient_funds', detail: { accountId: a, availableMinor: 0n } },
      { reason: 'insufficient_funds' },
      { outcome: 'created' },
      { reason: 'previously_rejected', detail: { reason: 'insufficient_funds' } },
      { outcome: 'conflict', differs: ['amountMinor'], existing: { kind: 'rejection' } },
      { outcome: 'created' },
    ])
    expect(await fx.ledger.transfer(fx.db, recorded)).toMatchObject({
      reason: 'previously_rejected',
    })
    const unknown = { ...recorded, onReject: 'maybe' as 'record' }
    await expect(fx.ledger.transferMany(fx.db, [unknown])).rejects.toMatchObject({
      code: 'LEDGER_INVALID_OPTION',
    })
  })

  test('counts no hold whose time is up, and remembers that it did', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    const hold = movement(a, b, 80n, { expiresInMs: 1 })
    await fx.ledger.hold(fx.db, hold)
    await waitFor(async () => {
      const found = await fx.ledger.lookup(fx.db, hold.id)
      return found?.kind === 'hold' && found.hold.state === 'expired'
    })
    const results = await fx.ledger.transferMany(fx.db, [
      movement(a, b, 90n),
      movement(a, b, 11n),
      movement(a, b, 10n),
    ])
    expect(outcomes(results)).toEqual(['created', 'rejected: insufficient_funds', 'created'])
    expect(await fx.ledger.capture(fx.db, { holdId: hold.id })).toMatchObject({
      reason: 'hold_expired',
    })
    const { rows } = await sql<{ kept: boolean }>`select expiry_horizon is not null as kept
      from ledger.account where id in (${a}::uuid, ${b}::uuid)`.execute(fx.db)
    expect(rows).toEqual([{ kept: true }, { kept: true }])
  })

  test('takes a thousand items among hundreds of accounts in one statement', async () => {
    const wallets = await Promise.all(times(200, () => fx.wallet(10_000n)))
    const items = times(1_000, (i) =>
      movement(wallets[i % 200] as string, wallets[(i * 7 + 1) % 200] as string, BigInt(1 + i)),
    )
    const valid = items.filter((item) => item.debitAccountId !== item.creditAccountId)
    const results = await fx.ledger.transferMany(fx.db, valid, { chunk: 1_000 })
    expect(tally(results)).toEqual({ created: valid.length })
    const balances = await Promise.all(wallets.map((wallet) => fx.balanceMinor(wallet)))
    expect(balances.reduce((sum, balance) => sum + balance, 0n)).toBe(2_000_000n)
    expect(tally(await fx.ledger.transferMany(fx.db, valid))).toEqual({ replayed: valid.length })
  })

  test('LEDGER-15 asks PostgreSQL nothing about items without a shape, and takes an empty list', async () => {
    const nowhere = { connectionString: 'postgres://postgres@127.0.0.1:1/none' }
    await withOwnPool(nowhere, async (db) => {
      expect(await fx.ledger.transferMany(db, [])).toEqual([])
      const results = await fx.ledger.transferMany(db, [{ ...movement('x', 'y') }])
      expect(outcomes(results)).toEqual(['rejected: id_invalid'])
    })
  })

  test('refuses more items than it can vouch for, and chunks out of range', async () => {
    const item = movement(randomUUID(), randomUUID())
    const tooMany = fx.ledger.transferMany(
      fx.db,
      times(10_001, () => item),
    )
    await expect(tooMany).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    for (const chunk of [0, 1_001, 1.5]) {
      await expect(fx.ledger.transferMany(fx.db, [item], { chunk })).rejects.toBeInstanceOf(
        LedgerError,
      )
    }
  })
})

describe('batches at once', () => {
  test('LEDGER-21 with the same ids on the same accounts in opposite orders: one effect for each id', async () => {
    for (let round = 0; round < 12; round += 1) {
      const wallets = await Promise.all(times(6, () => fx.wallet(1_000_000n)))
      const items = times(60, (i) =>
        movement(wallets[i % 6] as string, wallets[(i + 1 + (i % 5)) % 6] as string, 1n),
      )
      const answers = await Promise.all([
        fx.ledger.transferMany(fx.db, items),
        fx.ledger.transferMany(fx.db, items.toReversed()),
        fx.ledger.transferMany(fx.db, shuffled(items), { chunk: 13 }),
        ...shuffled(items).map((item) => fx.ledger.transfer(fx.db, item)),
      ])
      expect(tally(answers.flat())).toEqual({ created: 60, replayed: 180 })
    }
  })

  test('LEDGER-21 with the same ids on other accounts: one effect for each id, no deadlock', async () => {
    for (let round = 0; round < 12; round += 1) {
      const wallets = await Promise.all(times(8, () => fx.wallet(1_000n)))
      const ids = times(50, () => randomUUID())
      const batches = times(4, (n) =>
        shuffled(ids).map((id) => ({
          ...movement(wallets[2 * n] as string, wallets[2 * n + 1] as string, 1n),
          id,
        })),
      )
      const answers = await Promise.all(
        batches.map((items) => fx.ledger.transferMany(fx.db, items)),
      )
      expect(tally(answers.flat())).toEqual({ created: 50, conflict: 150 })
    }
  })

  test.each(['commits', 'rolls back'])(
    'LEDGER-07 an id that a call on other accounts has taken, which then %s, costs the batch no other item',
    async (end) => {
      const [a, b, c] = [await fx.wallet(1_000n), await fx.wallet(), await fx.wallet(100n)]
      const [first, taken, last] = times(3, () => movement(a, b, 100n)) as [
        TransferInput,
        TransferInput,
        TransferInput,
      ]
      let batch: Promise<TransferResult[]> | undefined
      const other = fx.db.transaction().execute(async (trx) => {
        await fx.ledger.transfer(trx, { ...movement(c, fx.sourceId), id: taken.id })
        // Its own spending twice over: only if the one in the middle is undone does the last fit.
        batch = fx.ledger.transferMany(fx.db, [first, taken, { ...last, amountMinor: 900n }])
        await someoneWaits('transfer_many')
        if (end === 'rolls back') throw new Error('no')
      })
      await other.catch(() => {})
      expect(outcomes((await batch) as TransferResult[])).toEqual(
        end === 'commits'
          ? ['created', 'conflict', 'created']
          : ['created', 'created', 'rejected: insufficient_funds'],
      )
      expect(await fx.balanceMinor(a)).toBe(end === 'commits' ? 0n : 800n)
    },
  )

  test('LEDGER-02 of several chunks each, in transactions, never deadlock over accounts', async () => {
    const wallets = await Promise.all(times(8, () => fx.wallet(1_000n)))
    const items = (backwards: boolean) => {
      const around = times(8, (i) => movement(wallets[i] as string, wallets[(i + 1) % 8] as string))
      return backwards ? around.toReversed() : around
    }
    const ends = await Promise.all(
      times(10, (n) =>
        fx.db
          .transaction()
          .execute((trx) => fx.ledger.transferMany(trx, items(n % 2 === 0), { chunk: 1 })),
      ),
    )
    expect(tally(ends.flat())).toEqual({ created: 80 })
  })
})

describe('batches of sharded accounts', () => {
  const sharded = async (shards: number, floorMinor: bigint | null) => {
    const id = randomUUID()
    await sql`select ledger.create_account(${id}::uuid, 'USD', 'liability', ${floorMinor}::bigint,
      null, null, ${shards}::integer)`.execute(fx.db)
    return id
  }

  test('LEDGER-30 post on the part that the id says, and count the whole against its limits', async () => {
    const [a, b] = [await fx.wallet(100n), await sharded(4, 0n)]
    const request = (from: string, to: string, part: number, amountMinor: bigint) => ({
      ...movement(from, to, amountMinor),
      id: `${randomUUID().slice(0, -2)}0${part}`,
    })
    const requests = [
      request(a, b, 0, 60n),
      request(b, a, 1, 61n),
      request(b, a, 1, 50n),
      request(b, a, 2, 11n),
      request(b, a, 6, 10n),
    ]
    const results = await fx.ledger.transferMany(fx.db, requests)
    expect(results).toMatchObject([
      { transfer: { creditShard: 1, debitShard: 0, creditSeq: 1n, creditBalanceMinor: 60n } },
      { reason: 'insufficient_funds', detail: { accountId: b, availableMinor: 60n } },
      { transfer: { debitShard: 2, debitSeq: 1n, debitBalanceMinor: -50n } },
      { reason: 'insufficient_funds', detail: { accountId: b, availableMinor: 10n } },
      { transfer: { debitShard: 3, debitSeq: 1n, debitBalanceMinor: -10n } },
    ])
    expect([await fx.balanceMinor(a), await fx.balanceMinor(b)]).toEqual([100n, 0n])
    const again = await fx.ledger.transferMany(fx.db, requests)
    expect(tally(again)).toEqual({ replayed: 3, 'rejected: insufficient_funds': 2 })
    expect(again[2]).toMatchObject({ transfer: { debitShard: 2, debitBalanceMinor: -50n } })
  })

  test('LEDGER-30 never deadlock with single calls and holds, nor pass a limit', async () => {
    const accounts = [
      await sharded(3, null),
      await sharded(5, 0n),
      await sharded(2, 0n),
      await fx.wallet(1_000n),
      await fx.wallet(1_000n),
    ]
    const [source] = accounts as [string]
    const funds = accounts.slice(1, 3).map((to) => movement(source, to, 1_000n))
    expect(tally(await fx.ledger.transferMany(fx.db, funds))).toEqual({ created: 2 })
    const between = (i: number) =>
      movement(accounts[i % 5] as string, accounts[(i + 1 + (i % 4)) % 5] as string, 300n)
    const results = await Promise.all(
      times(60, async (n) => {
        const requests = times(15, (i) => between(n + i * (1 + (n % 3))))
        if (n % 3 === 0) return fx.ledger.transferMany(fx.db, requests, { chunk: 5 })
        if (n % 3 === 1) return [await fx.ledger.transfer(fx.db, between(n))]
        const hold = between(n)
        const held = await fx.ledger.hold(fx.db, hold)
        return held.outcome === 'created'
          ? [await fx.ledger.capture(fx.db, { holdId: hold.id })]
          : []
      }),
    )
    const ends = Object.keys(tally(results.flat())).toSorted()
    expect(ends).toEqual(['created', 'rejected: insufficient_funds'])
    const balances = await Promise.all(accounts.map((id) => fx.balanceMinor(id)))
    expect(balances.reduce((sum, balance) => sum + balance, 0n)).toBe(2_000n)
    for (const balance of balances.slice(1)) expect(balance).toBeGreaterThanOrEqual(0n)
  })
})

describe('faults of a batch', () => {
  test('LEDGER-23 a chunk that is not decided is busy, and so are those behind it, which are not sent', async () => {
    const [a, b, locked] = [await fx.wallet(100n), await fx.wallet(), await fx.wallet(100n)]
    const items = [movement(a, b, 1n), movement(locked, b, 1n), movement(a, b, 1n)]
    const options = '-c lock_timeout=30'
    await fx.db.transaction().execute(async (trx) => {
      await sql`select from ledger.account where id = ${locked}::uuid for no key update`.execute(
        trx,
      )
      await withOwnPool({ connectionString: fx.database.url, options }, async (db) => {
        const results = await fx.ledger.transferMany(db, items, { chunk: 1 })
        expect(tally(results)).toEqual({ created: 1, 'busy: lock_timeout': 2 })
        const inside = db.transaction().execute((t) => fx.ledger.transferMany(t, items))
        await expect(inside).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
      })
    })
    const again = await fx.ledger.transferMany(fx.db, items, { chunk: 1 })
    expect(outcomes(again)).toEqual(['replayed', 'created', 'created'])
  })

  test.each([
    ['before_statement', 'created'],
    ['before_sync', 'created'],
    ['before_answer', 'replayed'],
    ['mid_answer', 'replayed'],
    ['before_ready', 'replayed'],
  ] as const)(
    'LEDGER-11 a chunk cut off %s is unknown item by item, and sent again it is %s',
    async (at, then) => {
      const [a, b] = [await fx.wallet(1_000n), await fx.wallet()]
      const items = times(6, () => movement(a, b, 1n))
      await using proxy = await faultProxy(fx.database.url)
      await withOwnPool({ connectionString: proxy.url, max: 1 }, async (db) => {
        const sent = fx.ledger.transferMany(db, items.slice(0, 2), { chunk: 2 })
        expect(tally(await sent)).toEqual({ created: 2 })
        proxy.arm({ at, statement: /ledger\.transfer_many/ })
        const results = await fx.ledger.transferMany(db, items.slice(2), { chunk: 2 })
        expect(results).toMatchObject([
          { outcome: 'unknown', id: items[2]?.id },
          { outcome: 'unknown', id: items[3]?.id },
          { outcome: 'busy', cause: 'unavailable' },
          { outcome: 'busy', cause: 'unavailable' },
        ])
      })
      const again = await fx.ledger.transferMany(fx.db, items)
      expect(outcomes(again)).toEqual(['replayed', 'replayed', then, then, 'created', 'created'])
      expect(await fx.balanceMinor(b)).toBe(6n)
    },
  )

  test('LEDGER-10 a backend that is killed in the middle leaves nothing, and says so of each item', async () => {
    const [a, b, locked] = [await fx.wallet(100n), await fx.wallet(), await fx.wallet(100n)]
    const items = [movement(a, b, 1n), movement(locked, b, 1n)]
    const settings = { connectionString: fx.database.url, application_name: 'killed in a batch' }
    await fx.db.transaction().execute(async (trx) => {
      await sql`select from ledger.account where id = ${locked}::uuid for no key update`.execute(
        trx,
      )
      await withOwnPool(settings, async (db) => {
        const pending = fx.ledger.transferMany(db, items)
        await someoneWaits('transfer_many')
        await sql`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'killed in a batch'`.execute(trx)
        expect(await pending).toMatchObject(items.map(({ id }) => ({ outcome: 'unknown', id })))
      })
    })
    expect(await fx.balanceMinor(a)).toBe(100n)
    expect(tally(await fx.ledger.transferMany(fx.db, items))).toEqual({ created: 2 })
  })

  test('LEDGER-22 in a transaction of a stricter level it is right, or the transaction is to be run again', async () => {
    const [a, b] = [await fx.wallet(100n), await fx.wallet()]
    const items = times(3, () => movement(a, b, 20n))
    const attempt = (meanwhile: () => Promise<unknown>) =>
      fx.db
        .transaction()
        .setIsolationLevel('repeatable read')
        .execute(async (trx) => {
          await fx.ledger.transferMany(trx, items.slice(0, 1))
          await meanwhile()
          return fx.ledger.transferMany(trx, items)
        })
    // Their accounts are locked from the first statement on; an id of theirs is not.
    const other = movement(await fx.wallet(1n), await fx.wallet(), 1n)
    const taken = { ...other, id: items[2]?.id as string }
    const collided = attempt(() => fx.ledger.transfer(fx.db, taken))
    await expect(collided).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
    const results = await attempt(() => Promise.resolve())
    expect(outcomes(results)).toEqual(['replayed', 'created', 'conflict'])
  })

  test('inside a transaction it commits and rolls back with it, and a refusal leaves that usable', async () => {
    const [a, b] = [await fx.wallet(10n), await fx.wallet()]
    const items = [movement(a, b, 10n), movement(a, b, 10n)]
    const work = (end: () => void) =>
      fx.db.transaction().execute(async (trx) => {
        const results = await fx.ledger.transferMany(trx, items, { chunk: 1 })
        expect(outcomes(results)).toEqual(['created', 'rejected: insufficient_funds'])
        await fx.ledger.transfer(trx, movement(b, a, 1n))
        end()
      })
    const failed = work(() => {
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(await fx.balanceMinor(a)).toBe(10n)
    await work(() => {})
    expect(await fx.balanceMinor(a)).toBe(1n)
  })
})

test('LEDGER-26 after all this, every hash follows from its row and the hash before it', async () => {
  expect(await brokenLinks(fx.db)).toEqual([])
})
