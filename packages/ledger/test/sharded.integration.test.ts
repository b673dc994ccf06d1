/*
 * Goal: an account spread over parts answers as one account does: exact totals, limits of the
 * whole, no deadlock. Method: every verb on sharded accounts, many callers at once; what the parts
 * hold is read from the tables.
 */
import { randomUUID } from 'node:crypto'
import { waitFor } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AccountInput, Executor } from '../src/index.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 20 })
})
afterAll(() => fx.closeSound())

const LIMITED = { floorMinor: 0n } as const

/** An account of `shards` parts, with its money spread over them. */
async function sharded(
  fundsMinor: bigint,
  account: Partial<AccountInput> = {},
  shards = 8,
): Promise<string> {
  const id = randomUUID()
  const { floorMinor = null, ceilingMinor = null, kind = 'liability' } = account
  await sql`select ledger.create_account(${id}::uuid, 'USD', ${kind}, ${floorMinor}::bigint,
    ${ceilingMinor}::bigint, null, ${shards}::integer)`.execute(fx.db)
  const part = fundsMinor / BigInt(shards)
  for (let shard = 0; part > 0n && shard < shards; shard += 1) {
    await fx.ledger.transfer(fx.db, { ...movement(fx.sourceId, id, part), id: idOnPart(shard) })
  }
  return id
}

/** An id whose movement is on the part of that number, counted from 0, of up to 64 parts. */
const idOnPart = (shard: number): string =>
  randomUUID().slice(0, -2) + shard.toString(16).padStart(2, '0')

const partsOf = async (accountId: string) => {
  const { rows } = await sql<{ shard: number; balance: string; pending: string; seq: string }>`
    select shard, posted_credits_minor - posted_debits_minor as balance,
      pending_debits_minor as pending, seq
    from ledger.account where part_of = ${accountId}::uuid order by shard`.execute(fx.db)
  return rows
}

/** What is decided about an account is written on its row and on its parts, and remembered. */
async function decide(db: Executor, id: string, change: string, head: string, part: string) {
  for (const statement of [
    `update ledger.account set ${part} where part_of = '${id}'`,
    `update ledger.account set ${head} where id = '${id}'`,
    `insert into ledger.account_change (account_id, no, change, floor_minor, ceiling_minor,
        debits_blocked, credits_blocked, closed)
      select id, 2, '${change}', floor_minor, ceiling_minor, debits_blocked, credits_blocked, false
      from ledger.account where id = '${id}'`,
  ]) {
    await sql.raw(statement).execute(db)
  }
}

describe('a sharded account', () => {
  test('is created with its parts, whose ids name nothing', async () => {
    const id = await sharded(0n, LIMITED, 3)
    expect(await fx.ledger.accounts.get(fx.db, id)).toMatchObject({ id, floorMinor: 0n })
    const parts = await sql<{ id: string }>`select id from ledger.account
      where part_of = ${id}::uuid and limited`.execute(fx.db)
    expect(parts.rows).toHaveLength(3)
    const partId = parts.rows[0]?.id as string
    expect(await fx.ledger.accounts.get(fx.db, partId)).toBeNull()
    expect(await fx.ledger.balance(fx.db, partId)).toBeNull()
    expect(await fx.ledger.transfer(fx.db, movement(fx.sourceId, partId))).toMatchObject({
      reason: 'account_not_found',
      detail: { accountId: partId },
    })
    const { rows } = await sql`select change, floor_minor, closed from ledger.account_change
      where account_id = ${id}::uuid`.execute(fx.db)
    expect(rows).toEqual([{ change: 'created', floor_minor: '0', closed: false }])
  })

  test('puts each movement on the part of its id, where a replay finds it', async () => {
    const id = await sharded(0n)
    const request = { ...movement(fx.sourceId, id, 5n), id: idOnPart(6) }
    const results = [
      await fx.ledger.transfer(fx.db, request),
      await fx.ledger.transfer(fx.db, request),
    ]
    expect(tally(results)).toEqual({ created: 1, replayed: 1 })
    const onPart = { creditShard: 7, creditSeq: 1n, creditBalanceMinor: 5n, debitShard: 0 }
    expect(results).toMatchObject([{ transfer: onPart }, { transfer: onPart }])
    expect((await partsOf(id)).map(({ balance }) => balance)).toEqual(
      times(8, (i) => (i === 6 ? '5' : '0')),
    )
  })

  test('LEDGER-30 shows its exact total, in one snapshot, while money comes and goes', async () => {
    const id = await sharded(0n)
    const others = await Promise.all(times(6, () => fx.account()))
    let running = others.length
    const writers = others.map(async (other) => {
      for (let i = 0; i < 40; i += 1) {
        await fx.ledger.transfer(fx.db, movement(other, id, 100n))
        await fx.ledger.transfer(fx.db, movement(id, other, 100n)) // from another part
      }
      running -= 1
    })
    const seen: bigint[] = []
    while (running > 0) seen.push(await fx.balanceMinor(id))
    await Promise.all(writers)
    // Parts of one snapshot: never a debit without the credit that came before it.
    expect(seen.filter((total) => total < 0n || total > 600n || total % 100n !== 0n)).toEqual([])
    expect(new Set(seen).size).toBeGreaterThan(1)
    expect(await fx.ledger.balance(fx.db, id)).toMatchObject({ balanceMinor: 0n, seq: 480n })
  })
})

describe('limits of a sharded account', () => {
  test('LEDGER-30 a debit larger than any part succeeds, one beyond the total is refused', async () => {
    const [id, to] = [await sharded(800n, LIMITED), await fx.wallet()]
    const refused = (availableMinor: bigint) => ({
      outcome: 'rejected',
      reason: 'insufficient_funds',
      detail: { accountId: id, availableMinor, floorMinor: 0n },
    })
    expect(await fx.ledger.transfer(fx.db, movement(id, to, 801n))).toEqual(refused(800n))
    expect(tally([await fx.ledger.transfer(fx.db, movement(id, to, 750n))])).toEqual({ created: 1 })
    expect(await fx.balanceMinor(id)).toBe(50n)
    expect(await fx.ledger.transfer(fx.db, movement(id, to, 51n))).toEqual(refused(50n))
  })

  test('LEDGER-30 LEDGER-05 of 50 simultaneous debits of the whole balance exactly one is created', async () => {
    const [id, to] = [await sharded(800n, LIMITED), await fx.wallet()]
    const results = await Promise.all(
      times(50, () => fx.ledger.transfer(fx.db, movement(id, to, 800n))),
    )
    expect(tally(results)).toEqual({ created: 1, 'rejected: insufficient_funds': 49 })
    expect([await fx.balanceMinor(id), await fx.balanceMinor(to)]).toEqual([0n, 800n])
  })

  test('LEDGER-05 simultaneous holds and transfers together never pass the floor', async () => {
    const [id, to] = [await sharded(800n, LIMITED), await sharded(0n)]
    const results = await Promise.all(
      times(40, (i) => fx.ledger[i % 2 === 0 ? 'transfer' : 'hold'](fx.db, movement(id, to, 70n))),
    )
    expect(tally(results)).toEqual({ created: 11, 'rejected: insufficient_funds': 29 })
    expect(await fx.availableMinor(id)).toBe(30n)
  })

  test.each([
    ['floor of an asset', { kind: 'asset', floorMinor: 0n }, 'insufficient_funds', 'credit'],
    ['ceiling', { kind: 'liability', ceilingMinor: 10n }, 'limit_exceeded', 'credit'],
    ['ceiling of an asset', { kind: 'asset', ceilingMinor: 10n }, 'limit_exceeded', 'debit'],
  ] as const)('holds the %s', async (_, account, reason, side) => {
    const [id, other] = [await sharded(0n, account), await fx.account()]
    const over = side === 'debit' ? movement(id, other, 11n) : movement(other, id, 11n)
    const detail = { accountId: id }
    expect(await fx.ledger.transfer(fx.db, over)).toMatchObject({ reason, detail })
    expect(await fx.ledger.hold(fx.db, over)).toMatchObject({ reason, detail })
  })

  test('LEDGER-14 counters of all parts together stay within bigint', async () => {
    const most = 9_223_372_036_854_775_807n
    const id = await sharded(0n, { ceilingMinor: most })
    const source = await fx.account()
    const first = { ...movement(source, id, most - 1n), id: idOnPart(0) }
    expect(tally([await fx.ledger.transfer(fx.db, first)])).toEqual({ created: 1 })
    const other = await fx.account()
    const second = { ...movement(other, id, 2n), id: idOnPart(1) }
    expect(await fx.ledger.transfer(fx.db, second)).toEqual({
      outcome: 'rejected',
      reason: 'overflow',
      detail: { accountId: id },
    })
  })

  test('LEDGER-14 a total beyond bigint is shown, and takes nothing more once it has limits', async () => {
    const most = 9_223_372_036_854_775_807n
    const id = await sharded(0n)
    for (const shard of [0, 1]) {
      const request = { ...movement(await fx.account(), id, most), id: idOnPart(shard) }
      expect(tally([await fx.ledger.transfer(fx.db, request)])).toEqual({ created: 1 })
    }
    expect(await fx.balanceMinor(id)).toBe(2n * most)
    await decide(fx.db, id, 'limits', `ceiling_minor = ${most}`, 'limited = true')
    const one = { ...movement(await fx.account(), id, 1n), id: idOnPart(2) }
    expect(tally([await fx.ledger.transfer(fx.db, one)])).toEqual({ 'rejected: overflow': 1 })
  })

  test('limits that appear while a movement waits for its one part make it try again', async () => {
    const [id, to] = [await sharded(800n), await fx.wallet()]
    let waiting: Promise<{ outcome: string }> | undefined
    await fx.db.transaction().execute(async (trx) => {
      await sql`select from ledger.account where part_of = ${id}::uuid
        order by shard for no key update`.execute(trx)
      waiting = fx.ledger.transfer(fx.db, movement(id, to, 100n))
      await waitFor(async () => (await waitersForLocks()) > 0)
      await decide(trx, id, 'limits', 'floor_minor = 0', 'limited = true')
    })
    expect(await waiting).toMatchObject({ outcome: 'busy', cause: 'serialization' })
    expect(await fx.balanceMinor(id)).toBe(800n)
  })

  const waitersForLocks = async (): Promise<number> => {
    const { rows } = await sql<{ n: string }>`select count(*) as n from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(fx.db)
    return Number(rows[0]?.n)
  }

  test('a part that is frozen refuses in that direction, as its account does', async () => {
    const [id, other] = [await sharded(800n), await fx.wallet(100n)]
    await decide(fx.db, id, 'frozen', 'debits_blocked = true', 'debits_blocked = true')
    expect(await fx.ledger.transfer(fx.db, movement(id, other))).toMatchObject({
      reason: 'account_frozen',
      detail: { accountId: id },
    })
    expect(tally([await fx.ledger.transfer(fx.db, movement(other, id))])).toEqual({ created: 1 })
  })
})

describe('holds of a sharded account', () => {
  test('LEDGER-19 are captured, released and reversed on the part that they are on', async () => {
    const [id, other] = [await sharded(800n, LIMITED), await sharded(0n)]
    const hold = { ...movement(id, other, 300n), id: idOnPart(2) }
    expect(tally([await fx.ledger.hold(fx.db, hold)])).toEqual({ created: 1 })
    expect((await partsOf(id))[2]).toMatchObject({ balance: '100', pending: '300' })
    const part = { id: idOnPart(5), holdId: hold.id, amountMinor: 200n }
    expect(await fx.ledger.capture(fx.db, part)).toMatchObject({
      outcome: 'created',
      transfer: { debitShard: 3, creditShard: 3, debitBalanceMinor: -100n },
    })
    expect(tally([await fx.ledger.release(fx.db, { holdId: hold.id })])).toEqual({ created: 1 })
    expect((await partsOf(id))[2]).toMatchObject({ balance: '-100', pending: '0' })
    expect(await fx.ledger.balance(fx.db, id)).toMatchObject({
      balanceMinor: 600n,
      availableMinor: 600n,
      pendingDebitsMinor: 0n,
    })
    const back = { id: idOnPart(7), transferId: part.id }
    expect(await fx.ledger.reverse(fx.db, back)).toMatchObject({
      outcome: 'created',
      transfer: { debitAccountId: other, debitShard: 8, creditShard: 8, debitBalanceMinor: -200n },
    })
    expect([await fx.balanceMinor(id), await fx.balanceMinor(other)]).toEqual([800n, 0n])
  })

  test('LEDGER-19 that expired are free on every part, with and without a clean-up', async () => {
    const [id, to] = [await sharded(800n, LIMITED), await sharded(0n)]
    const holds = times(8, (shard) => ({
      ...movement(id, to, 100n, { expiresInMs: 1 }),
      id: idOnPart(shard),
    }))
    for (const hold of holds) await fx.ledger.hold(fx.db, hold)
    await waitFor(async () => (await fx.availableMinor(id)) === 800n)
    const first = await fx.ledger.transfer(fx.db, { ...movement(id, to, 500n), id: idOnPart(0) })
    expect(first.outcome).toBe('created')
    // The instant of that decision is on all parts: a clock set back revives no hold of any.
    const { rows } = await sql<{ kept: boolean }>`select bool_and(expiry_horizon >= h.expires_at)
        as kept
      from ledger.account a join ledger.hold h on h.debit_id = a.part_of
      where a.part_of = ${id}::uuid`.execute(fx.db)
    expect(rows[0]?.kept).toBe(true)
    expect(tally([await fx.ledger.capture(fx.db, { holdId: holds[3]?.id as string })])).toEqual({
      'rejected: hold_expired': 1,
    })
    expect((await fx.ledger.hold(fx.db, holds[4] as (typeof holds)[0])).outcome).toBe('rejected')
    while ((await fx.ledger.expireHolds(fx.db)).expired > 0);
    expect((await partsOf(id)).map(({ pending }) => pending)).toEqual(times(8, () => '0'))
    expect(await fx.availableMinor(id)).toBe(300n)
  })

  test('LEDGER-18 reversals on other parts at once never give back more than the original', async () => {
    for (let round = 0; round < 20; round += 1) {
      const [from, to] = [await sharded(0n), await sharded(0n)]
      const paid = movement(from, to, 100n)
      await fx.ledger.transfer(fx.db, paid)
      const results = await Promise.all(
        times(8, (shard) =>
          fx.ledger.reverse(fx.db, { id: idOnPart(shard), transferId: paid.id, amountMinor: 30n }),
        ),
      )
      expect(tally(results)).toEqual({ created: 3, 'rejected: exceeds_original': 5 })
      expect(await fx.balanceMinor(to)).toBe(10n)
    }
  })
})

describe('LEDGER-30 LEDGER-01 storms', () => {
  const pairs: readonly (readonly [string, () => Promise<readonly [string, string]>])[] = [
    ['exact and sharded', async () => [await fx.wallet(100_000n), await sharded(80_000n)]],
    ['exact and limited', async () => [await fx.wallet(100_000n), await sharded(80_000n, LIMITED)]],
    ['two sharded', async () => [await sharded(80_000n), await sharded(80_000n)]],
    ['two limited', async () => [await sharded(80_000n, LIMITED), await sharded(80_000n, LIMITED)]],
    ['sharded and limited', async () => [await sharded(80_000n), await sharded(80_000n, LIMITED)]],
  ]

  test.each(pairs)(
    '%s in both directions, by every verb, end without a deadlock',
    async (_, make) => {
      const [a, b] = await make()
      const total = (await fx.balanceMinor(a)) + (await fx.balanceMinor(b))
      const results = await Promise.all(
        times(16, async (client) => {
          const ends = []
          for (let i = 0; i < 12; i += 1) {
            const [from, to] = (client + i) % 2 === 0 ? [a, b] : [b, a]
            const [paid, hold] = [movement(from, to, 3n), movement(from, to, 2n)]
            ends.push(await fx.ledger.transfer(fx.db, paid))
            ends.push(
              await fx.ledger.hold(fx.db, { ...hold, expiresInMs: i % 4 === 0 ? 1 : 60_000 }),
            )
            ends.push(await fx.ledger.reverse(fx.db, { id: randomUUID(), transferId: paid.id }))
            const end = i % 3 === 0 ? 'release' : 'capture'
            ends.push(await fx.ledger[end](fx.db, { holdId: hold.id }))
            if (i % 6 === 0) await fx.ledger.expireHolds(fx.db)
          }
          return ends
        }),
      )
      const kinds = Object.keys(tally(results.flat()))
      expect(kinds.filter((kind) => /busy|unknown|conflict/.test(kind))).toEqual([])
      expect((await fx.balanceMinor(a)) + (await fx.balanceMinor(b))).toBe(total)
    },
  )
})
