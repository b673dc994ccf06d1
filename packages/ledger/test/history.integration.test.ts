/*
 * Goal: balances of the past and statements are what adding up the journal gives, at a cost that
 * does not grow with it. Method: rows are recorded at times of our choosing, all in the future: the
 * ledger never runs back behind an account's newest row, so its clock is set by setting that.
 */
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BalanceAxis, Entry, Statement, StatementQuery } from '../src/index.ts'
import { type Fixture, movement, openFixture, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture()
})
afterAll(() => fx.closeSound())

const EPOCH = Date.UTC(2100, 0)
const moment = (ms: number) => new Date(EPOCH + ms)

/** From now on these accounts' rows are recorded at this time, until a later one is set. */
async function setClock(time: Date, ...accounts: readonly string[]): Promise<void> {
  await sql`update ledger.account set recorded_at = ${time.toISOString()}::timestamptz
    where id = any (${accounts})`.execute(fx.db)
}

/** A row of the account, as a page of arithmetic sees it. */
interface Row {
  readonly recorded: number
  readonly effective: number
  /** What it adds to the account's balance. */
  readonly change: bigint
}

/** An account of credits and one of debits, with rows at these times between them. */
async function accountWith(rows: readonly Row[]): Promise<string> {
  const [one, other] = [await fx.account(), await fx.account({ kind: 'expense' })]
  for (const { recorded, effective, change } of rows) {
    await setClock(moment(recorded), one, other)
    const [from, to] = change < 0n ? [one, other] : [other, one]
    const effectiveAt = effective === recorded ? {} : { effectiveAt: moment(effective) }
    const amount = change < 0n ? -change : change
    const request = { ...movement(from, to, amount), ...effectiveAt }
    const made = await fx.ledger.transfer(fx.db, request)
    expect(made.outcome).toBe('created')
  }
  return one
}

const sum = (rows: readonly Row[]): bigint => rows.reduce((total, row) => total + row.change, 0n)

async function balanceAt(accountId: string, ms: number, axis: BalanceAxis = 'recorded') {
  const balance = await fx.ledger.balance(fx.db, accountId, { asOf: moment(ms), axis })
  return balance?.balanceMinor
}

async function pagesOf(query: StatementQuery): Promise<Statement[]> {
  const pages: Statement[] = []
  let after: bigint | null = null
  do {
    const page: Statement | null = await fx.ledger.statement(fx.db, { ...query, after })
    if (page === null) throw new Error('no such account')
    pages.push(page)
    after = page.next
  } while (after !== null)
  return pages
}

// Few different times, so that several rows share one and instants fall on rows.
const row = fc.record({
  step: fc.constantFrom(0, 0, 1, 3),
  lag: fc.constantFrom(0, 0, 0, -9, -2, 2, 9),
  change: fc.bigInt({ min: -50n, max: 50n }).filter((change) => change !== 0n),
})
const history = fc.array(row, { maxLength: 25 }).map((steps) => {
  let recorded = 10
  return steps.map(({ step, lag, change }): Row => {
    recorded += step
    return { recorded, effective: recorded + lag, change }
  })
})

describe('balance at an instant', () => {
  test('is what adding up the journal gives, on both axes', async () => {
    await fc.assert(
      fc.asyncProperty(history, async (rows) => {
        const account = await accountWith(rows)
        const end = (rows.at(-1)?.recorded ?? 10) + 12
        for (let ms = 0; ms <= end; ms += 1) {
          const [recorded, effective] = [
            rows.filter((each) => each.recorded <= ms),
            rows.filter((each) => each.effective <= ms),
          ]
          expect(await balanceAt(account, ms)).toBe(sum(recorded))
          expect(await balanceAt(account, ms, 'effective')).toBe(sum(effective))
        }
      }),
      { numRuns: 12 },
    )
  })

  test('does not count a refusal that was written down', async () => {
    const [from, to] = [await fx.wallet(), await fx.wallet()]
    const refused = { ...movement(from, to), effectiveAt: moment(-9), onReject: 'record' } as const
    expect(await fx.ledger.transfer(fx.db, refused)).toMatchObject({ outcome: 'rejected' })
    for (const account of [from, to]) {
      expect(await balanceAt(account, -5, 'effective')).toBe(0n)
      expect(await balanceAt(account, -5)).toBe(0n)
    }
    const late = { ...refused, ...movement(from, to), effectiveAt: moment(9) }
    expect(await fx.ledger.transfer(fx.db, late)).toMatchObject({ outcome: 'rejected' })
    expect(await balanceAt(from, 5, 'effective')).toBe(0n)
  })

  test('says of which account, instant and axis it is', async () => {
    const account = await accountWith([{ recorded: 1, effective: 1, change: 5n }])
    expect(await fx.ledger.balance(fx.db, account, { asOf: moment(1) })).toEqual({
      accountId: account,
      currency: 'USD',
      exponent: 2,
      kind: 'liability',
      normalSide: 'credit',
      asOf: moment(1),
      axis: 'recorded',
      balanceMinor: 5n,
    })
  })

  test('is 0 before the first row, the newest balance in the future, null for no account', async () => {
    const wallet = await fx.wallet(7n)
    const asOf = new Date(0)
    expect((await fx.ledger.balance(fx.db, wallet, { asOf }))?.balanceMinor).toBe(0n)
    expect(await balanceAt(wallet, 0)).toBe(7n)
    expect(await fx.ledger.balance(fx.db, randomUUID(), { asOf })).toBeNull()
    expect(await fx.ledger.balance(fx.db, 'nobody', { asOf })).toBeNull()
  })

  test('refuses an instant that is none', async () => {
    for (const asOf of [new Date(Number.NaN), new Date(8.64e15), new Date(-1), '2100-01-01']) {
      const asked = fx.ledger.balance(fx.db, fx.sourceId, { asOf: asOf as Date })
      await expect(asked).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    }
    const axis = 'sideways' as BalanceAxis
    const asked = fx.ledger.balance(fx.db, fx.sourceId, { asOf: new Date(), axis })
    await expect(asked).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
  })

  test('stops at a gap and does not guess', async () => {
    const account = await accountWith(times(3, (i) => ({ recorded: i, effective: i, change: 1n })))
    const rolledBack = fx.db.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx)
      await sql`delete from ledger.transfer where credit_id = ${account} and credit_seq = 3`.execute(
        trx,
      )
      await fx.ledger.balance(trx, account, { asOf: moment(2) })
    })
    await expect(rolledBack).rejects.toThrow(`account ${account} has no row at place 3`)
  })
})

describe('statement', () => {
  const query = (accountId: string, from: number, to: number, limit = 3): StatementQuery => ({
    accountId,
    from: moment(from),
    to: moment(to),
    limit,
  })

  test('is what adding up the journal gives, and each page opens where the last one closed', async () => {
    await fc.assert(
      fc.asyncProperty(
        history,
        fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 60 }), fc.integer({ min: 1, max: 4 })),
        async (rows, [a, b, limit]) => {
          const account = await accountWith(rows)
          const [from, to] = [Math.min(a, b), Math.max(a, b)]
          const pages = await pagesOf(query(account, from, to, limit))
          const inside = rows.filter(({ recorded }) => recorded >= from && recorded < to)
          const opening = sum(rows.filter(({ recorded }) => recorded < from))
          const closing = opening + sum(inside)
          const signed = (line: Entry) =>
            line.side === 'credit' ? line.amountMinor : -line.amountMinor
          expect(pages.flatMap(({ lines }) => lines.map(signed))).toEqual(
            inside.map(({ change }) => change),
          )
          expect([pages[0]?.openingMinor, pages.at(-1)?.closingMinor]).toEqual([opening, closing])
          expect(pages.slice(1).map((page) => page.openingMinor)).toEqual(
            pages.slice(0, -1).map((page) => page.closingMinor),
          )
          expect(pages.map((page) => page.closingMinor)).toEqual(
            pages.map(({ lines, openingMinor }) =>
              lines.reduce((balance, line) => balance + signed(line), openingMinor),
            ),
          )
          expect(pages[0]?.period).toEqual({
            openingMinor: opening,
            closingMinor: closing,
            debitsMinor: -sum(inside.filter(({ change }) => change < 0n)),
            creditsMinor: sum(inside.filter(({ change }) => change > 0n)),
            lines: BigInt(inside.length),
          })
          expect(pages.slice(1).map(({ period }) => period)).toEqual(pages.slice(1).map(() => null))
        },
      ),
      { numRuns: 25 },
    )
  })

  test('begins with its first instant and ends before its last, in lines and in sums', async () => {
    const at = [19, 20, 29, 30]
    const account = await accountWith(
      at.map((recorded, i) => ({ recorded, effective: recorded, change: BigInt(10 ** i) })),
    )
    const [page] = await pagesOf(query(account, 20, 30, 10))
    expect(page?.lines.map((line) => line.amountMinor)).toEqual([10n, 100n])
    expect(page?.period).toEqual({
      openingMinor: 1n,
      closingMinor: 111n,
      debitsMinor: 0n,
      creditsMinor: 110n,
      lines: 2n,
    })
    expect([page?.openingMinor, page?.closingMinor]).toEqual([1n, 111n])
  })

  test('LEDGER-28 orders by sequence when the clock is set back, and tells apart two rows of one microsecond', async () => {
    const [one, two] = [await fx.account(), await fx.account()]
    await setClock(moment(50), one) // PostgreSQL's clock is behind this, as if it had been set back
    const ids = times(4, () => randomUUID())
    for (const [i, id] of ids.entries()) {
      await fx.ledger.transfer(fx.db, { ...movement(one, two, BigInt(i + 1)), id })
    }
    const [page] = await pagesOf(query(one, 50, 51, 10))
    expect(page?.lines.map((line) => line.transferId)).toEqual(ids)
    expect(page?.lines.map((line) => line.balanceMinor)).toEqual([-1n, -3n, -6n, -10n])
    expect(new Set(page?.lines.map((line) => line.createdAt.getTime()))).toEqual(
      new Set([moment(50).getTime()]),
    )
    const { rows } = await sql<{ moments: string }>`select count(distinct created_at) as moments
      from ledger.transfer where debit_id = ${one}`.execute(fx.db)
    expect(rows).toEqual([{ moments: '1' }])
    const single = await pagesOf(query(one, 50, 51, 1))
    expect(single.flatMap(({ lines }) => lines.map((line) => line.transferId))).toEqual(ids)
    // The other account saw them at the same times, hence in the same order.
    const [other] = await pagesOf(query(two, 50, 51, 10))
    expect(other?.lines.map((line) => line.transferId)).toEqual(ids)
  })

  test('has the lines that entries have', async () => {
    const wallet = await fx.wallet(100n)
    const other = await fx.wallet()
    const original = movement(wallet, other, 40n, { code: 'rent', metadata: { month: 'may' } })
    await fx.ledger.transfer(fx.db, original)
    await fx.ledger.reverse(fx.db, { id: randomUUID(), transferId: original.id, amountMinor: 4n })
    const { entries } = await fx.ledger.entries(fx.db, { accountId: wallet, limit: 10 })
    const period = { from: new Date(0), to: moment(0) }
    const [page] = await pagesOf({ accountId: wallet, ...period, limit: 10 })
    expect(page?.lines).toEqual(entries)
    expect(entries.map(({ kind, reversesId, journalId }) => [kind, reversesId, journalId])).toEqual(
      [
        ['transfer', null, null],
        ['transfer', null, null],
        ['reversal', original.id, null],
      ],
    )
    expect(entries.map((entry) => entry.effectiveAt)).toEqual(
      entries.map((entry) => entry.createdAt),
    )
  })

  test('of no account is null, of no time is refused', async () => {
    expect(await fx.ledger.statement(fx.db, query(randomUUID(), 0, 1))).toBeNull()
    expect(await fx.ledger.statement(fx.db, query('nobody', 0, 1))).toBeNull()
    for (const wrong of [
      query(fx.sourceId, 2, 1),
      query(fx.sourceId, Number.NaN, 1),
      query(fx.sourceId, 0, 1, 0),
      query(fx.sourceId, 0, 1, 1_001),
      { ...query(fx.sourceId, 0, 1), after: 1 as unknown as bigint },
      { ...query(fx.sourceId, 0, 1), after: 1n << 63n },
    ]) {
      const asked = fx.ledger.statement(fx.db, wrong)
      await expect(asked).rejects.toMatchObject({ code: 'LEDGER_INVALID_OPTION' })
    }
  })
})

describe('the cost of the past', () => {
  test('does not grow with the journal', async () => {
    await using database = await openWrittenLedger()
    const { one, write, touched } = database
    const instant = (ms: number) => `'${moment(ms).toISOString()}'::timestamptz`
    const questions = [
      `ledger.balance_at('${one}', ${instant(50)}, false)`,
      `ledger.balance_at('${one}', ${instant(50)}, true)`,
      `ledger.account_statement('${one}', ${instant(50)}, ${instant(90)}, 60, 20)`,
      `ledger.entries('${one}', 40, 20, false)`,
    ]
    const cost = async () => {
      const pages: number[] = []
      for (const question of questions) pages.push(await touched(question))
      return pages
    }
    await write(1, 100)
    const small = await cost()
    await write(101, 50_000)
    const large = await cost()
    // 500 times the rows: a binary search looks at nine more of them, an index has a level more.
    for (const [i, pages] of large.entries()) expect(pages).toBeLessThan((small[i] ?? 0) * 4)
  })
})

/** A ledger whose journal is written as rows, a thousand times faster than by the verbs. */
async function openWrittenLedger() {
  const own = await openFixture({ connectionsMax: 1 })
  const [one, other] = [await own.account(), await own.account()]
  return {
    one,
    /** Rows `first` to `last`, one a millisecond. */
    async write(first: number, last: number): Promise<void> {
      await sql`insert into ledger.transfer (id, kind, debit_id, credit_id, amount_minor, currency,
          debit_seq, credit_seq, debit_balance_minor, credit_balance_minor, debit_hash,
          credit_hash, created_at)
        select gen_random_uuid(), 'transfer', ${one}, ${other}, 1, 'USD', i, i, -i, i, '', '',
          ${moment(0).toISOString()}::timestamptz + i * interval '1 millisecond'
        from generate_series(${first}::bigint, ${last}) i`.execute(own.db)
      await sql`update ledger.account set seq = ${last}, head = int8send(${last}::bigint),
          posted_debits_minor = case when id = ${one} then ${last} else 0 end,
          posted_credits_minor = case when id = ${other} then ${last} else 0 end
        where id in (${one}, ${other})`.execute(own.db)
      await sql`analyze`.execute(own.db)
    },
    /** How many pages of the cache a function touches, once the catalog is in its caches. */
    async touched(call: string): Promise<number> {
      const explain = sql.raw<{ 'QUERY PLAN': readonly { Plan: Record<string, number> }[] }>(
        `explain (analyze, buffers, format json) select ${call}`,
      )
      await explain.execute(own.db)
      const { rows } = await explain.execute(own.db)
      const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {}
      return (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0)
    },
    [Symbol.asyncDispose]: () => own.close(),
  }
}
