/* Goal: pages, reports and look-ups agree with the journal, from one snapshot. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Entry } from '../src/index.ts'
import { type Fixture, movement, openFixture, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture()
})
afterAll(() => fx.close())

describe('entries', () => {
  async function walk(accountId: string, order: 'oldest_first' | 'newest_first', limit: number) {
    const entries: Entry[] = []
    let after: bigint | null = null
    let pages = 0
    do {
      const page = await fx.ledger.entries(fx.db, { accountId, limit, order, after })
      entries.push(...page.entries)
      after = page.next
      pages += 1
    } while (after !== null)
    return { entries, pages }
  }

  test('pages through both sides of an account in the order of its sequence', async () => {
    const [one, two] = [await fx.wallet(100n), await fx.wallet(100n)]
    for (let i = 1; i <= 12; i += 1) {
      const [from, to] = i % 3 === 0 ? [two, one] : [one, two]
      await fx.ledger.transfer(fx.db, movement(from, to, BigInt(i)))
    }
    const { entries, pages } = await walk(one, 'oldest_first', 5)
    expect(entries.map((entry) => entry.seq)).toEqual(times(13, (i) => BigInt(i + 1)))
    expect(pages).toBe(3)
    let balance = 0n
    for (const entry of entries) {
      balance += entry.side === 'credit' ? entry.amountMinor : -entry.amountMinor
      expect(entry.balanceMinor).toBe(balance)
    }
    expect(await fx.balanceMinor(one)).toBe(balance)
    const newest = await walk(one, 'newest_first', 4)
    expect(newest.entries).toEqual(entries.toReversed())
  })

  test('a page that ends exactly at the last entry is the last page', async () => {
    const wallet = await fx.wallet(1n)
    const page = await fx.ledger.entries(fx.db, { accountId: wallet, limit: 1 })
    expect([page.entries.length, page.next]).toEqual([1, null])
  })

  test('LEDGER-28 entries are ordered by sequence, not by time', async () => {
    const [one, two] = [await fx.wallet(100n), await fx.wallet()]
    await Promise.all(times(30, () => fx.ledger.transfer(fx.db, movement(one, two, 1n))))
    const { entries } = await fx.ledger.entries(fx.db, { accountId: two, limit: 100 })
    expect(entries.map((entry) => entry.balanceMinor)).toEqual(times(30, (i) => BigInt(i + 1)))
  })

  test('an account that does not exist has none', async () => {
    const page = await fx.ledger.entries(fx.db, { accountId: randomUUID(), limit: 10 })
    expect(page).toEqual({ entries: [], next: null })
  })
})

describe('trialBalance', () => {
  test('LEDGER-29 balances at every moment while money moves', async () => {
    const wallets = await Promise.all(times(6, () => fx.wallet(1_000n)))
    let moving = true
    const moves = Promise.all(
      times(120, (i) =>
        fx.ledger.transfer(
          fx.db,
          movement(wallets[i % 6] as string, wallets[(i + 1) % 6] as string, BigInt(i + 1)),
        ),
      ),
    ).finally(() => {
      moving = false
    })
    let reports = 0
    while (moving) {
      const { balanced, totals } = await fx.ledger.trialBalance(fx.db)
      expect([balanced, totals.map((total) => total.differenceMinor)]).toEqual([true, [0n]])
      expect((await fx.ledger.verify(fx.db, { batchRows: 20 })).findings).toEqual([])
      reports += 1
    }
    await moves
    expect(reports).toBeGreaterThan(0)
  })

  test('lists each currency and kind', async () => {
    const [a, b] = [
      await fx.account({ currency: 'JPY', kind: 'asset' }),
      await fx.account({ currency: 'JPY', kind: 'income' }),
    ]
    await fx.ledger.transfer(fx.db, movement(a, b, 7n, { currency: 'JPY' }))
    const { lines } = await fx.ledger.trialBalance(fx.db)
    expect(lines.filter((line) => line.currency === 'JPY')).toEqual([
      {
        currency: 'JPY',
        kind: 'asset',
        accounts: 1n,
        postedDebitsMinor: 7n,
        postedCreditsMinor: 0n,
      },
      {
        currency: 'JPY',
        kind: 'income',
        accounts: 1n,
        postedDebitsMinor: 0n,
        postedCreditsMinor: 7n,
      },
    ])
  })
})

describe('lookup and balance', () => {
  test('an unknown id is null', async () => {
    expect(await fx.ledger.lookup(fx.db, randomUUID())).toBeNull()
    expect(await fx.ledger.balance(fx.db, randomUUID())).toBeNull()
  })

  test('a transfer reads back as it was answered', async () => {
    const request = movement(fx.sourceId, await fx.wallet(), 5n, { metadata: { note: 'é 💶 "\\' } })
    const created = await fx.ledger.transfer(fx.db, request)
    const transfer = created.outcome === 'created' ? created.transfer : null
    expect(transfer?.metadata).toEqual(request.metadata)
    const reversedMinor = 0n
    const found = await fx.ledger.lookup(fx.db, request.id)
    expect(found).toEqual({ kind: 'transfer', transfer, reversedMinor })
  })

  test('balance knows the digits of the currency', async () => {
    const yen = await fx.account({ currency: 'JPY', kind: 'expense' })
    expect(await fx.ledger.balance(fx.db, yen)).toMatchObject({ exponent: 0, normalSide: 'debit' })
  })
})
