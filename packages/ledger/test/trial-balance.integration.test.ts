/*
 * Goal: the trial balance of a large ledger is of one moment. Method: its accounts are written as
 * rows, then money moves between some of them, exact and sharded, while reports are made.
 */
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture, times } from './support/fixture.ts'

const ACCOUNTS = 100_000
const EACH = 5n

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture()
})
afterAll(() => fx.close())

describe('trialBalance', () => {
  test('LEDGER-29 of 100,000 accounts balances in every report while money moves', async () => {
    // One half has credits, the other debits. They have no journal: they are only there to be many.
    await sql`insert into ledger.account (id, currency, kind, posted_debits_minor,
        posted_credits_minor)
      select gen_random_uuid(), 'USD', 'liability', i % 2 * ${EACH}, (i + 1) % 2 * ${EACH}
      from generate_series(1, ${ACCOUNTS}) i`.execute(fx.db)
    const wallets = await Promise.all(times(6, () => fx.wallet(1_000_000n)))
    const shops = await Promise.all(
      times(2, () => fx.account({ kind: 'income', hot: 'sharded:8' })),
    )
    let reporting = true
    let moves = 0
    const movers = times(4, async (mover) => {
      for (let i = mover; reporting; i += 4) {
        const [from, to] = [wallets[i % 6] as string, shops[i % 2] as string]
        const { outcome } = await fx.ledger.transfer(fx.db, movement(from, to, 1n + BigInt(i % 3)))
        if (outcome === 'created') moves += 1
      }
    })
    try {
      for (let reports = 0; reports < 10; reports += 1) {
        const { balanced, totals, lines } = await fx.ledger.trialBalance(fx.db)
        expect([balanced, totals.length, totals[0]?.differenceMinor]).toEqual([true, 1, 0n])
        expect(lines.map(({ kind, accounts }) => [kind, accounts])).toEqual([
          ['asset', 1n],
          ['income', 2n],
          ['liability', BigInt(ACCOUNTS + 6)],
        ])
      }
    } finally {
      reporting = false
    }
    await Promise.all(movers)
    expect(moves).toBeGreaterThan(10)
    const { totals } = await fx.ledger.trialBalance(fx.db)
    const { rows } = await sql<{ moved: string }>`select sum(amount_minor) as moved
      from ledger.transfers`.execute(fx.db)
    const moved = BigInt(rows[0]?.moved ?? 0)
    expect(totals[0]?.postedDebitsMinor).toBe((BigInt(ACCOUNTS) / 2n) * EACH + moved)
  })
})
