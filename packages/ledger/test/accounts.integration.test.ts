/*
 * Goal: what is decided about an account holds for every movement after it and for none before it.
 * Method: each change beside the movements it concerns, on exact and on sharded accounts.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountInput, Executor, HotPolicy } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

const POLICIES = ['exact', 'sharded:4'] as const
const accounts = () => fx.ledger.accounts

/** Backends of this database that wait for somebody's row. */
async function waitingForRows(): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(fx.db)
  return rows.length
}

const changes = async (id: string) =>
  (await accounts().history(fx.db, { id })).map(({ change }) => change)

/** The reason of a movement to or from an account, `created` when it passes. */
async function paid(from: string, to: string, amountMinor = 1n): Promise<string> {
  const result = await fx.ledger.transfer(fx.db, movement(from, to, amountMinor))
  return result.outcome === 'rejected' ? result.reason : result.outcome
}

describe('create', () => {
  test('makes a hot account of n parts, and says what it made', async () => {
    const input = {
      id: randomUUID(),
      currency: 'USD',
      kind: 'liability',
      hot: 'sharded:16',
    } as const
    const created = await accounts().create(fx.db, input)
    expect(created).toMatchObject({
      outcome: 'created',
      account: { hot: 'sharded:16', frozen: { debits: false, credits: false }, closedAt: null },
    })
    expect((await accounts().create(fx.db, input)).outcome).toBe('replayed')
    expect(await accounts().create(fx.db, { ...input, hot: 'exact' })).toMatchObject({
      outcome: 'conflict',
      differs: ['hot'],
      existing: { hot: 'sharded:16' },
    })
    const exact = await accounts().get(fx.db, await fx.account())
    expect(exact).toMatchObject({ hot: 'exact' })
    const { rows } =
      await sql`select from ledger.account where part_of = ${input.id}::uuid`.execute(fx.db)
    expect(rows).toHaveLength(16)
  })

  test.each(['sharded:1', 'sharded:65', 'sharded:04', 'sharded:', 'sharded:2.5', 'hot', 16, null])(
    'LEDGER-17 a policy %s is rejected',
    async (hot) => {
      const input = {
        id: randomUUID(),
        currency: 'USD',
        kind: 'asset',
        hot: hot as 'exact',
      } as const
      expect(await accounts().create(fx.db, input)).toEqual({
        outcome: 'rejected',
        reason: 'shards_invalid',
        detail: { field: 'hot' },
      })
    },
  )

  test('replays after the limits were changed: the call is still the same', async () => {
    const input = { id: randomUUID(), currency: 'USD', kind: 'liability', floorMinor: 0n } as const
    await accounts().create(fx.db, input)
    await accounts().setLimits(fx.db, { id: input.id, floorMinor: -500n })
    expect(await accounts().create(fx.db, input)).toMatchObject({
      outcome: 'replayed',
      account: { floorMinor: -500n },
    })
    expect(await accounts().create(fx.db, { ...input, floorMinor: -500n })).toMatchObject({
      outcome: 'conflict',
      differs: ['floorMinor'],
    })
  })
})

describe.each(POLICIES)('changes of an account that is %s', (hot) => {
  const open = (fundsMinor = 0n, account: Partial<AccountInput> = {}) =>
    fx.wallet(fundsMinor, { hot, floorMinor: null, ...account })

  test('LEDGER-17 a frozen direction is refused, the other passes, until it is unfrozen', async () => {
    const [account, other] = [await open(100n), await fx.wallet(100n)]
    const frozen = await accounts().freeze(fx.db, { id: account, debits: true, reason: 'court' })
    expect(frozen).toMatchObject({
      outcome: 'created',
      account: { frozen: { debits: true, credits: false } },
    })
    expect(await paid(account, other)).toBe('account_frozen')
    expect(await paid(other, account)).toBe('created')
    await accounts().freeze(fx.db, { id: account, credits: true })
    expect(await paid(other, account)).toBe('account_frozen')
    expect(await paid(account, other)).toBe('account_frozen') // the first is still in force
    await accounts().unfreeze(fx.db, { id: account, debits: true })
    expect(await paid(account, other)).toBe('created')
    expect(await paid(other, account)).toBe('account_frozen')
    await accounts().unfreeze(fx.db, { id: account })
    expect(await paid(other, account)).toBe('created')
    expect(await changes(account)).toEqual(['created', 'frozen', 'frozen', 'unfrozen', 'unfrozen'])
    const [, court] = await accounts().history(fx.db, { id: account })
    expect(court).toMatchObject({ no: 2, reason: 'court', closed: false })
    expect(court?.frozen).toEqual({ debits: true, credits: false })
  })

  test('what is so already replays, and leaves no line', async () => {
    const id = await open()
    for (const outcome of ['created', 'replayed']) {
      expect((await accounts().freeze(fx.db, { id })).outcome).toBe(outcome)
      expect((await accounts().setLimits(fx.db, { id, ceilingMinor: 5n })).outcome).toBe(outcome)
    }
    expect((await accounts().unfreeze(fx.db, { id, debits: true })).outcome).toBe('created')
    expect((await accounts().unfreeze(fx.db, { id, debits: true })).outcome).toBe('replayed')
    expect((await accounts().setLimits(fx.db, { id })).outcome).toBe('replayed')
    for (const outcome of ['created', 'replayed']) {
      expect(await accounts().close(fx.db, { id })).toMatchObject({
        outcome,
        account: { closedAt: expect.any(Date), frozen: { debits: true, credits: true } },
      })
    }
    expect(await changes(id)).toEqual(['created', 'frozen', 'limits', 'unfrozen', 'closed'])
  })

  test('LEDGER-17 a closed account is closed for every verb, and for every further change', async () => {
    const [account, other] = [await open(), await fx.wallet(100n)]
    await accounts().close(fx.db, { id: account, reason: 'left' })
    expect(await paid(account, other)).toBe('account_closed')
    expect(await paid(other, account)).toBe('account_closed')
    expect(await fx.ledger.hold(fx.db, movement(other, account))).toMatchObject({
      reason: 'account_closed',
    })
    const closed = { outcome: 'rejected', reason: 'account_closed', detail: { accountId: account } }
    expect(await accounts().freeze(fx.db, { id: account })).toEqual(closed)
    expect(await accounts().unfreeze(fx.db, { id: account })).toEqual(closed)
    expect(await accounts().setLimits(fx.db, { id: account, floorMinor: 0n })).toEqual(closed)
    const [, last] = await accounts().history(fx.db, { id: account })
    expect(last).toMatchObject({ change: 'closed', closed: true, reason: 'left' })
    const reopen = sql`update ledger.account set closed_at = null where id = ${account}::uuid`
    await expect(reopen.execute(fx.db)).rejects.toMatchObject({ code: 'LG900' })
  })

  test('LEDGER-17 an account is closed only when nothing is in it and nothing reserved', async () => {
    const [account, other] = [await open(100n), await fx.wallet(100n)]
    const hold = movement(account, other, 40n)
    await fx.ledger.hold(fx.db, hold)
    const close = () => accounts().close(fx.db, { id: account })
    expect(await close()).toMatchObject({ reason: 'holds_open', detail: { accountId: account } })
    await fx.ledger.capture(fx.db, { holdId: hold.id })
    expect(await close()).toMatchObject({
      reason: 'balance_not_zero',
      detail: { accountId: account, balanceMinor: 60n },
    })
    await fx.ledger.transfer(fx.db, movement(account, other, 60n))
    const incoming = movement(other, account, 5n)
    await fx.ledger.hold(fx.db, incoming)
    expect(await close()).toMatchObject({ reason: 'holds_open' })
    await fx.ledger.release(fx.db, { holdId: incoming.id })
    expect((await close()).outcome).toBe('created')
  })

  test('LEDGER-19 holds that are past their time do not keep an account open: they are settled', async () => {
    const [account, other] = [await open(), await fx.wallet(100n, { hot })]
    const holds = times(5, () => movement(other, account, 5n, { expiresInMs: 1 }))
    for (const hold of holds) await fx.ledger.hold(fx.db, hold)
    await expect
      .poll(async () => (await accounts().close(fx.db, { id: account })).outcome)
      .toBe('created')
    for (const hold of holds) {
      expect(await fx.ledger.lookup(fx.db, hold.id)).toMatchObject({ hold: { state: 'expired' } })
    }
    const { rows } = await sql`select from ledger.account
      where part_of = ${account}::uuid and pending_credits_minor > 0`.execute(fx.db)
    expect(rows).toEqual([])
    expect(await fx.availableMinor(other)).toBe(100n)
  })

  test('other limits are in force at once, and only if what is there is within them', async () => {
    const [account, other] = [await open(100n), await fx.wallet(1_000n)]
    const hold = movement(account, other, 30n)
    await fx.ledger.hold(fx.db, hold)
    const set = (limits: { floorMinor?: bigint | null; ceilingMinor?: bigint | null }) =>
      accounts().setLimits(fx.db, { id: account, ...limits })
    expect(await set({ floorMinor: 71n })).toMatchObject({
      reason: 'insufficient_funds',
      detail: { accountId: account, availableMinor: 70n, floorMinor: 71n },
    })
    expect(await set({ floorMinor: 70n })).toMatchObject({ account: { floorMinor: 70n } })
    expect(await paid(account, other)).toBe('insufficient_funds')
    await fx.ledger.hold(fx.db, movement(other, account, 50n))
    expect(await set({ ceilingMinor: 149n })).toMatchObject({
      reason: 'limit_exceeded',
      detail: { accountId: account, ceilingMinor: 149n },
    })
    expect(await set({ ceilingMinor: 150n })).toMatchObject({
      account: { floorMinor: 70n, ceilingMinor: 150n },
    })
    expect(await paid(other, account)).toBe('limit_exceeded')
    expect(await set({ ceilingMinor: 69n })).toMatchObject({
      reason: 'limits_invalid',
      detail: { field: 'ceilingMinor' },
    })
    expect(await set({ floorMinor: 5n, ceilingMinor: 4n })).toMatchObject({
      reason: 'limits_invalid',
      detail: { field: 'floorMinor' },
    })
    expect(await set({ floorMinor: null, ceilingMinor: null })).toMatchObject({
      account: { floorMinor: null, ceilingMinor: null },
    })
    expect(await paid(account, other, 500n)).toBe('created')
    const lines = await accounts().history(fx.db, { id: account })
    expect(lines.map(({ floorMinor, ceilingMinor }) => [floorMinor, ceilingMinor])).toEqual([
      [null, null],
      [70n, null],
      [70n, 150n],
      [null, null],
    ])
  })

  test('LEDGER-19 a hold that is past its time is not counted against a new floor', async () => {
    const [account, other] = [await open(100n), await fx.wallet()]
    await fx.ledger.hold(fx.db, movement(account, other, 30n, { expiresInMs: 1 }))
    const set = async () => accounts().setLimits(fx.db, { id: account, floorMinor: 100n })
    await expect.poll(async () => (await set()).outcome).toBe('created')
    expect(await paid(account, other)).toBe('insufficient_funds')
  })

  test('a change may be part of a transaction, and is gone with it', async () => {
    const account = await open()
    const work = fx.db.transaction().execute(async (trx) => {
      await accounts().freeze(trx, { id: account })
      const inside = await fx.ledger.transfer(trx, movement(account, fx.sourceId))
      expect(inside).toMatchObject({ reason: 'account_frozen' })
      throw new Error('roll back')
    })
    await expect(work).rejects.toThrow('roll back')
    expect(await paid(account, fx.sourceId)).toBe('created')
    expect(await changes(account)).toEqual(['created'])
  })
})

describe.each(POLICIES)('changes beside movements of an account that is %s', (hot) => {
  const open = (fundsMinor = 0n, account: Partial<AccountInput> = {}) =>
    fx.wallet(fundsMinor, { hot: hot as HotPolicy, floorMinor: null, ...account })

  /** Starts a change while a movement of the account has its locks, and lets it come to its end. */
  async function besideUncommitted<T>(
    move: (trx: Executor) => Promise<{ outcome: string }>,
    change: () => Promise<T>,
  ): Promise<T> {
    let changed: Promise<T> | undefined
    await fx.db.transaction().execute(async (trx) => {
      expect((await move(trx)).outcome).toBe('created')
      changed = change()
      await waitFor(async () => (await waitingForRows()) === 1)
    })
    return changed!
  }

  test('a close that waits for a credit or a hold under way sees it', async () => {
    const [credited, reserved] = [await open(), await open()]
    const close = (id: string) => () => accounts().close(fx.db, { id })
    const credit = movement(fx.sourceId, credited, 1n)
    expect(
      await besideUncommitted((trx) => fx.ledger.transfer(trx, credit), close(credited)),
    ).toMatchObject({ reason: 'balance_not_zero', detail: { balanceMinor: 1n } })
    const hold = movement(fx.sourceId, reserved, 1n)
    expect(
      await besideUncommitted((trx) => fx.ledger.hold(trx, hold), close(reserved)),
    ).toMatchObject({ reason: 'holds_open' })
  })

  test('limits that wait for a movement under way are compared with what it leaves', async () => {
    const id = await open(1_000n)
    const debit = movement(id, fx.sourceId, 900n)
    const set = () => accounts().setLimits(fx.db, { id, floorMinor: 500n })
    expect(await besideUncommitted((trx) => fx.ledger.transfer(trx, debit), set)).toMatchObject({
      reason: 'insufficient_funds',
      detail: { availableMinor: 100n },
    })
  })

  test('two changes at once are both made, one after the other', async () => {
    const id = await open()
    const freeze = (trx: Executor) => accounts().freeze(trx, { id, debits: true })
    const set = () => accounts().setLimits(fx.db, { id, ceilingMinor: 5n })
    expect(await besideUncommitted(freeze, set)).toMatchObject({
      outcome: 'created',
      account: { ceilingMinor: 5n, frozen: { debits: true, credits: false } },
    })
    expect(await changes(id)).toEqual(['created', 'frozen', 'limits'])
  })

  test('a movement that waits for a change under way is refused by it', async () => {
    const [frozen, closed, limited] = [await open(9n), await open(), await open(9n)]
    const refused = async (
      change: (trx: Executor) => Promise<{ outcome: string }>,
      ...pair: [string, string]
    ) => besideUncommitted(change, () => paid(...pair))
    const by = accounts()
    const freeze = (trx: Executor) => by.freeze(trx, { id: frozen })
    expect(await refused(freeze, frozen, fx.sourceId)).toBe('account_frozen')
    const close = (trx: Executor) => by.close(trx, { id: closed })
    expect(await refused(close, fx.sourceId, closed)).toBe('account_closed')
    const set = (trx: Executor) => by.setLimits(trx, { id: limited, floorMinor: 9n })
    // One part of an account without limits was waited for: too late to lock the others in order.
    const ends = ['insufficient_funds', ...(hot === 'exact' ? [] : ['busy'])]
    expect(ends).toContain(await refused(set, limited, fx.sourceId))
  })

  test('LEDGER-01 a close that settles an expired hold locks its other account in order', async () => {
    const account = { id: `f${randomUUID().slice(1)}`, currency: 'USD', kind: 'asset' } as const
    await accounts().create(fx.db, account)
    const other = { id: `0${randomUUID().slice(1)}`, currency: 'USD', kind: 'asset', hot } as const
    await accounts().create(fx.db, other)
    const hold = movement(other.id, account.id, 5n, { expiresInMs: 1 })
    await fx.ledger.hold(fx.db, hold)
    const state = async () => (await fx.ledger.resolve(fx.db, { id: hold.id })).state
    await expect.poll(state).toBe('expired')
    let closed: Promise<{ outcome: string }> | undefined
    await fx.db.transaction().execute(async (trx) => {
      await sql`set local deadlock_timeout = '20ms'`.execute(trx)
      await fx.ledger.lock(trx, [other.id])
      closed = accounts().close(fx.db, { id: account.id })
      await waitFor(async () => (await waitingForRows()) === 1)
      await fx.ledger.lock(trx, [account.id])
    })
    expect(await closed).toMatchObject({ outcome: 'created' })
  })

  test('a close and a credit at once: one of them is refused', async () => {
    const payer = await fx.wallet(1_000n)
    const ends = await Promise.all(
      times(40, async (i) => {
        const account = await open()
        const pay = () =>
          i % 4 < 2
            ? fx.ledger.transfer(fx.db, movement(payer, account, 1n))
            : fx.ledger.hold(fx.db, movement(payer, account, 1n))
        const close = () => accounts().close(fx.db, { id: account })
        const both = i % 2 === 0 ? [pay(), close()] : [close(), pay()]
        return Object.keys(tally(await Promise.all(both)))
          .toSorted()
          .join(', ')
      }),
    )
    const possible = [
      'created, rejected: account_closed',
      'created, rejected: balance_not_zero',
      'created, rejected: holds_open',
    ]
    expect([...new Set(ends)].filter((end) => !possible.includes(end))).toEqual([])
  })

  test('LEDGER-28 a freeze stops the transfers: none is recorded after it', async () => {
    const [account, other] = [await open(1_000n), await fx.wallet()]
    let frozenAt = Number.POSITIVE_INFINITY
    const transfers = times(60, async (i) => {
      const result = await fx.ledger.transfer(fx.db, movement(account, other, 1n))
      if (i === 10) {
        await accounts().freeze(fx.db, { id: account })
        const [, line] = await accounts().history(fx.db, { id: account })
        frozenAt = line!.createdAt.getTime()
      }
      return result
    })
    const results = await Promise.all(transfers)
    const passed = results.flatMap((r) => (r.outcome === 'created' ? [r.transfer] : []))
    expect(tally(results)['rejected: account_frozen'] ?? 0).toBe(60 - passed.length)
    expect(Math.max(...passed.map((t) => t.createdAt.getTime()))).toBeLessThanOrEqual(frozenAt)
    expect(await fx.balanceMinor(other)).toBe(BigInt(passed.length))
  })

  test('LEDGER-05 a floor set among debits holds: what was left is never below it', async () => {
    const [account, other] = [await open(1_000n), await fx.wallet()]
    const debits = times(15, () => fx.ledger.transfer(fx.db, movement(account, other, 100n)))
    const set = accounts().setLimits(fx.db, { id: account, floorMinor: 300n })
    const [results, limited] = [await Promise.all(debits), await set]
    const left = await fx.balanceMinor(account)
    // Without limits a sharded account is not locked whole, and may be asked to come again.
    const ends = Object.keys(tally(results))
    const expected = ['created', 'rejected: insufficient_funds', 'busy: serialization']
    expect(ends.filter((end) => !expected.includes(end))).toEqual([])
    const outcome = limited.outcome === 'rejected' ? limited.reason : limited.outcome
    expect({ created: left >= 300n, insufficient_funds: left < 300n }).toHaveProperty(outcome, true)
  })

  test('LEDGER-01 changes and transfers in both directions never deadlock', async () => {
    const ids = await Promise.all(times(4, (i) => open(1_000n, { hot: i < 2 ? hot : 'exact' })))
    const results = await Promise.all(
      times(80, async (i) => {
        const [a, b] = [ids[i % 4]!, ids[(i + 1 + (i % 3)) % 4]!]
        if (i % 8 === 3) return accounts().freeze(fx.db, { id: a, debits: true })
        if (i % 8 === 5) return accounts().unfreeze(fx.db, { id: a })
        if (i % 8 === 7) return accounts().close(fx.db, { id: a })
        return fx.ledger.transfer(fx.db, movement(a, b, 1n))
      }),
    )
    expect(Object.keys(tally(results)).filter((end) => /busy|unknown/.test(end))).toEqual([])
  })

  test('LEDGER-02 a change behind lock never deadlocks', async () => {
    const ids = await Promise.all(times(3, () => open(1_000n)))
    const results = await Promise.all(
      times(24, (i) =>
        fx.ledger.run(
          fx.db,
          async (trx) => {
            await sql`set local deadlock_timeout = '20ms'`.execute(trx)
            const [a, b] = i % 2 === 0 ? [ids[0]!, ids[1]!] : [ids[1]!, ids[0]!]
            await fx.ledger.lock(trx, ids)
            await fx.ledger.transfer(trx, movement(a, b, 1n))
            await accounts().setLimits(trx, { id: b, ceilingMinor: BigInt(5_000 + i) })
            await accounts().freeze(trx, { id: ids[2]! })
          },
          { attempts: 1 },
        ),
      ),
    )
    expect(tally(results)).toEqual({ committed: 24 })
  })

  test('LEDGER-22 a transaction with an older snapshot does not pass a freeze it cannot see', async () => {
    const [account, other] = [await open(100n), await fx.wallet()]
    const work = fx.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        await fx.ledger.balance(trx, account) // takes the snapshot
        await accounts().freeze(fx.db, { id: account })
        await fx.ledger.transfer(trx, movement(account, other))
      })
    await expect(work).rejects.toMatchObject({ code: 'LEDGER_BUSY', retryable: true })
  })
})

describe('requests', () => {
  const id = randomUUID()
  const rejected = (reason: string, field: string) => ({
    outcome: 'rejected',
    reason,
    detail: { field },
  })

  test('LEDGER-17 an account that is unknown, or a part of another, is not found', async () => {
    const { rows } = await sql<{ id: string }>`select id from ledger.account
      where part_of = ${await fx.account({ hot: 'sharded:2' })}::uuid limit 1`.execute(fx.db)
    for (const unknown of [id, rows[0]!.id]) {
      const missing = {
        outcome: 'rejected',
        reason: 'account_not_found',
        detail: { accountId: unknown },
      }
      expect(await accounts().freeze(fx.db, { id: unknown })).toEqual(missing)
      expect(await accounts().close(fx.db, { id: unknown })).toEqual(missing)
      expect(await accounts().setLimits(fx.db, { id: unknown })).toEqual(missing)
      expect(await accounts().history(fx.db, { id: unknown })).toEqual([])
      expect(await accounts().get(fx.db, unknown)).toBeNull()
    }
  })

  test.each([
    ['id', 'id_invalid', { id: 'x' }],
    ['floorMinor', 'limits_invalid', { id, floorMinor: 5 as never }],
    ['floorMinor', 'limits_invalid', { id, floorMinor: -9_223_372_036_854_775_808n }],
    ['ceilingMinor', 'limits_invalid', { id, ceilingMinor: 9_223_372_036_854_775_808n }],
    ['reason', 'metadata_invalid', { id, reason: 7 as never }],
    ['reason', 'metadata_invalid', { id, reason: 'a\0b' }],
    ['reason', 'metadata_too_large', { id, reason: 'x'.repeat(1_001) }],
  ])('LEDGER-15 a %s that cannot be is %s', async (field, reason, input) => {
    expect(await accounts().setLimits(fx.db, input)).toEqual(rejected(reason, field))
  })

  test.each([{ debits: false }, { credits: false, debits: false }, { debits: 1 as never }])(
    'a freeze of nothing is refused: %j',
    async (sides) => {
      const refused = { code: 'LEDGER_INVALID_OPTION' }
      await expect(accounts().freeze(fx.db, { id, ...sides })).rejects.toMatchObject(refused)
    },
  )

  test('the history comes in pages', async () => {
    const account = await fx.account()
    for (let i = 0n; i < 5n; i += 1n) {
      await accounts().setLimits(fx.db, { id: account, floorMinor: -i })
    }
    const page = await accounts().history(fx.db, { id: account, after: 2, limit: 3 })
    expect(page.map(({ no }) => no)).toEqual([3, 4, 5])
    for (const wrong of [{ limit: 0 }, { limit: 1_001 }, { after: -1 }, { after: 0.5 }]) {
      const refused = accounts().history(fx.db, { id: account, ...wrong })
      await expect(refused).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    }
  })
})
