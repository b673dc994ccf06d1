/*
 * Goal: the past of a sharded account reads as that of one account: exact totals, every line once,
 * in the order of recorded time, whatever part it is on. Method: each part has a clock of its own,
 * so that rows reach the parts in another order than their times have.
 */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Entry, Statement } from '../src/index.ts'
import { type Fixture, movement, openFixture, times } from './support/fixture.ts'

const PARTS = 3
const EPOCH = Date.UTC(2100, 0)
const moment = (ms: number) => new Date(EPOCH + ms)

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture()
})
afterAll(() => fx.closeSound())

interface Row {
  readonly part: number
  readonly recorded: number
  readonly change: bigint
}

async function sharded(): Promise<string> {
  return fx.account({ hot: `sharded:${PARTS}` })
}

/** A movement of that id is on that part of an account of PARTS parts. */
const idOnPart = (part: number): string =>
  randomUUID().slice(0, -2) + (part - 1).toString(16).padStart(2, '0')

/** Rows as given, one after the other; each part has its own counterpart, hence its own time. */
async function accountWith(rows: readonly Row[]): Promise<string> {
  const one = await sharded()
  const others = await Promise.all(times(PARTS, () => fx.account({ kind: 'expense' })))
  for (const { part, recorded, change } of rows) {
    const other = others[part - 1] as string
    await sql`update ledger.account set recorded_at = ${moment(recorded).toISOString()}::timestamptz
      where (part_of = ${one} and shard = ${part}) or id = ${other}`.execute(fx.db)
    const [from, to] = change < 0n ? [one, other] : [other, one]
    const made = await fx.ledger.transfer(fx.db, {
      ...movement(from, to, change < 0n ? -change : change),
      id: idOnPart(part),
    })
    expect(made.outcome).toBe('created')
  }
  return one
}

const history = fc
  .array(
    fc.record({
      part: fc.integer({ min: 1, max: PARTS }),
      step: fc.constantFrom(0, 0, 1, 4),
      change: fc.bigInt({ min: -50n, max: 50n }).filter((change) => change !== 0n),
    }),
    { maxLength: 24 },
  )
  .map((steps) => {
    const clocks = times(PARTS + 1, () => 10)
    return steps.map(({ part, step, change }): Row => {
      const recorded = (clocks[part] ?? 0) + step
      clocks[part] = recorded
      return { part, recorded, change }
    })
  })

/** As an account statement lists them: by recorded time, then part, then place on the part. */
const inOrder = (rows: readonly Row[]): Row[] =>
  rows.toSorted((a, b) => a.recorded - b.recorded || a.part - b.part)

const sum = (rows: readonly Row[]): bigint => rows.reduce((total, row) => total + row.change, 0n)

const signed = (line: Entry): bigint =>
  line.side === 'credit' ? line.amountMinor : -line.amountMinor

async function pagesOf(accountId: string, from: number, to: number, limit: number) {
  const pages: Statement[] = []
  let after: bigint | null = null
  do {
    const query = { accountId, from: moment(from), to: moment(to), limit, after }
    const page: Statement | null = await fx.ledger.statement(fx.db, query)
    if (page === null) throw new Error('no such account')
    pages.push(page)
    after = page.next
  } while (after !== null)
  return pages
}

async function entriesOf(accountId: string, order: 'oldest_first' | 'newest_first', limit: number) {
  const entries: Entry[] = []
  let after: bigint | null = null
  do {
    const page = await fx.ledger.entries(fx.db, { accountId, limit, order, after })
    entries.push(...page.entries)
    after = page.next
  } while (after !== null)
  return entries
}

describe('a sharded account', () => {
  test('LEDGER-30 has the balance of all its parts at every instant', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (rows) => {
        const accountId = await accountWith(rows)
        for (let ms = 8; ms < 60; ms += 3) {
          const balance = await fx.ledger.balance(fx.db, accountId, { asOf: moment(ms) })
          expect(balance?.balanceMinor).toBe(sum(rows.filter(({ recorded }) => recorded <= ms)))
        }
      }),
      { numRuns: 8 },
    )
  })

  test('counts explicit times on all its parts', async () => {
    const [accountId, other] = [await sharded(), await fx.account()]
    for (const part of [1, 2, 3]) {
      const effectiveAt = moment(part * 10)
      const request = { ...movement(other, accountId, BigInt(part)), id: idOnPart(part) }
      await fx.ledger.transfer(fx.db, { ...request, effectiveAt })
    }
    const at = async (ms: number) =>
      (await fx.ledger.balance(fx.db, accountId, { asOf: moment(ms), axis: 'effective' }))
        ?.balanceMinor
    expect(await Promise.all([9, 10, 20, 30].map(at))).toEqual([0n, 1n, 3n, 6n])
  })

  test('LEDGER-28 lists every line once, by recorded time, in both directions and any page', async () => {
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 1, max: 5 }), async (rows, limit) => {
        const accountId = await accountWith(rows)
        const ordered = inOrder(rows)
        const entries = await entriesOf(accountId, 'oldest_first', limit)
        expect(entries.map(signed)).toEqual(ordered.map(({ change }) => change))
        expect(entries.map((entry) => entry.balanceMinor)).toEqual(
          ordered.map((_, i) => sum(ordered.slice(0, i + 1))),
        )
        expect(new Set(entries.map((entry) => entry.seq)).size).toBe(rows.length)
        expect(await entriesOf(accountId, 'newest_first', limit)).toEqual(entries.toReversed())
      }),
      { numRuns: 15 },
    )
  })

  test('LEDGER-28 has statements whose pages open where the last one closed', async () => {
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 }), fc.integer({ min: 1, max: 5 })),
        async (rows, [a, b, limit]) => {
          const accountId = await accountWith(rows)
          const [from, to] = [Math.min(a, b), Math.max(a, b)]
          const inside = inOrder(rows).filter(({ recorded }) => recorded >= from && recorded < to)
          const opening = sum(rows.filter(({ recorded }) => recorded < from))
          const pages = await pagesOf(accountId, from, to, limit)
          expect(pages.flatMap(({ lines }) => lines.map(signed))).toEqual(
            inside.map(({ change }) => change),
          )
          expect(pages.map((page) => page.openingMinor)).toEqual([
            opening,
            ...pages.slice(0, -1).map((page) => page.closingMinor),
          ])
          expect(pages[0]?.period).toEqual({
            openingMinor: opening,
            closingMinor: opening + sum(inside),
            debitsMinor: -sum(inside.filter(({ change }) => change < 0n)),
            creditsMinor: sum(inside.filter(({ change }) => change > 0n)),
            lines: BigInt(inside.length),
          })
          expect(pages.at(-1)?.closingMinor).toBe(opening + sum(inside))
        },
      ),
      { numRuns: 15 },
    )
  })

  test('LEDGER-30 is whole in every answer while money moves between its parts and others', async () => {
    const [accountId, other] = [await sharded(), await fx.account()]
    const ids = times(60, (i) => idOnPart((i % PARTS) + 1))
    let moving = true
    const moves = Promise.all(
      ids.map((id, i) => {
        const sides = i % 2 === 0 ? [other, accountId] : [accountId, other]
        return fx.ledger.transfer(fx.db, { ...movement(sides[0] ?? '', sides[1] ?? '', 7n), id })
      }),
    ).finally(() => {
      moving = false
    })
    const seen = new Set<bigint | undefined>()
    while (moving) {
      const [mine, theirs] = (
        await sql<{ balance_minor: string }>`select balance_minor from ledger.balances
          where account_id in (${accountId}, ${other}) order by account_id = ${other}`.execute(
          fx.db,
        )
      ).rows
      expect(BigInt(mine?.balance_minor ?? 1) + BigInt(theirs?.balance_minor ?? 1)).toBe(0n)
      const asOf = moment(0)
      seen.add((await fx.ledger.balance(fx.db, accountId, { asOf }))?.balanceMinor)
    }
    await moves
    expect([...seen].every((balance) => balance !== undefined && balance % 7n === 0n)).toBe(true)
    expect(await fx.balanceMinor(accountId)).toBe(0n)
  })

  test('shows no part in any view, and one line in the trial balance', async () => {
    const [accountId, other] = [await sharded(), await fx.account()]
    for (const part of [1, 2, 3]) {
      await fx.ledger.transfer(fx.db, {
        ...movement(other, accountId, BigInt(part)),
        id: idOnPart(part),
      })
    }
    const { rows: parts } = await sql<{ id: string }>`select id from ledger.account
      where part_of = ${accountId}`.execute(fx.db)
    expect(parts).toHaveLength(PARTS)
    const shown = await sql<{ ids: string }>`select
        (select jsonb_agg(a) from ledger.accounts a)::text
        || (select jsonb_agg(b) from ledger.balances b)::text
        || (select jsonb_agg(e) from ledger.entries e)::text
        || (select jsonb_agg(t) from ledger.transfers t)::text as ids`.execute(fx.db)
    for (const { id } of parts) expect(shown.rows[0]?.ids).not.toContain(id)
    const { rows } = await sql`select a.hot, b.balance_minor, b.seq
      from ledger.accounts a join ledger.balances b on b.account_id = a.id
      where a.id = ${accountId}`.execute(fx.db)
    expect(rows).toEqual([{ hot: 'sharded:3', balance_minor: '6', seq: '3' }])
    const { rows: entries } = await sql`select shard, seq, amount_minor, balance_minor
      from ledger.entries where account_id = ${accountId} order by shard, seq`.execute(fx.db)
    expect(entries).toEqual(
      [1, 2, 3].map((part) => ({
        shard: part,
        seq: '1',
        amount_minor: String(part),
        balance_minor: null,
      })),
    )
    const { lines } = await fx.ledger.trialBalance(fx.db)
    const { rows: counted } = await sql<{ n: string }>`select count(*) as n from ledger.accounts
      where kind = 'liability'`.execute(fx.db)
    expect(lines.find(({ kind }) => kind === 'liability')?.accounts).toBe(
      BigInt(counted[0]?.n ?? 0),
    )
  })

  test('refuses a position that is not one of its own', async () => {
    const accountId = await sharded()
    const asked = fx.ledger.entries(fx.db, { accountId, limit: 1, after: (1n << 48n) | 9n })
    await expect(asked).rejects.toThrow('has no line at position')
  })
})
