/*
 * Goal: no interleaving of verbs on the same few accounts and ids makes or loses money, passes a
 * limit, or deadlocks. Method: many clients at once, sharded accounts among the accounts, holds of a
 * few milliseconds among the holds; the schedule is the machine's, so nothing is replayed here.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, openFixture } from './support/fixture.ts'
import { storm } from './support/storm.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 12 })
})
afterAll(() => fx.closeSound())

describe('a storm', () => {
  test('LEDGER-01 LEDGER-05 LEDGER-19 LEDGER-30 of twelve clients on six accounts keeps the money, and no single call deadlocks', async () => {
    for (let round = 0; round < 8; round += 1) {
      const end = await storm(fx.ledger, fx.db, { clients: 12, callsEach: 40 })
      const ends = [...end.outcomes.keys()]
      expect(ends.filter((how) => /deadlock|timeout|unknown|unavailable/.test(how))).toEqual([])
      expect(end.totalMinor).toBe(0n)
    }
    expect((await fx.ledger.trialBalance(fx.db)).balanced).toBe(true)
  })
})
