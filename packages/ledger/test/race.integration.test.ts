/*
 * Goal: no interleaving of verbs on the same few ids ends in anything but a documented answer. Method: many clients on
 * eight ids and four wallets, short expiries included; the schedule is the machine's, so nothing is replayed here.
 */
import { randomUUID } from 'node:crypto'
import { random, randomInteger } from '@payflow/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture({ connectionsMax: 12 })
})
afterAll(() => fx.closeSound())

const pick = <T>(list: readonly T[]): T => list[randomInteger(0, list.length - 1)] as T

function act(wallets: readonly string[], ids: readonly string[]) {
  const [from, step] = [randomInteger(0, 3), randomInteger(1, 3)]
  const request = {
    ...movement(wallets[from] as string, wallets[(from + step) % 4] as string),
    id: pick(ids),
    amountMinor: BigInt(randomInteger(1, 150)),
  }
  const dice = random()
  if (dice < 0.2) return fx.ledger.transfer(fx.db, request)
  if (dice < 0.4) return fx.ledger.hold(fx.db, request)
  if (dice < 0.55) return fx.ledger.hold(fx.db, { ...request, expiresInMs: randomInteger(1, 5) })
  if (dice < 0.7) return fx.ledger.capture(fx.db, { holdId: pick(ids) })
  if (dice < 0.85) {
    const { id, amountMinor } = request
    return fx.ledger.capture(fx.db, { id, holdId: pick(ids), amountMinor, final: dice < 0.78 })
  }
  return fx.ledger.release(fx.db, { holdId: pick(ids) })
}

/** Which answers come up is the machine's choice: more worlds are played until each of these has. */
const COMMON = [
  'created',
  'replayed',
  'conflict',
  'rejected: already_captured',
  'rejected: exceeds_hold',
  'rejected: hold_expired',
  'rejected: hold_not_found',
  'rejected: hold_released',
]
const [WORLDS_MIN, WORLDS_MAX] = [20, 200]

describe('twelve clients on eight ids', () => {
  test('LEDGER-19 end every call in a documented outcome, and keep the money', async () => {
    const seen = new Set<string>()
    const missing = () => COMMON.filter((outcome) => !seen.has(outcome))
    const wanted = (played: number) => played < WORLDS_MIN || missing().length > 0
    for (let world = 0; wanted(world) && world < WORLDS_MAX; world += 1) {
      const wallets = await Promise.all(times(4, () => fx.wallet(300n)))
      const ids = times(8, () => randomUUID())
      const answers = await Promise.all(
        times(12, async () => {
          const outcomes = []
          for (let i = 0; i < 20; i += 1) outcomes.push(await act(wallets, ids))
          return outcomes
        }),
      )
      for (const outcome of Object.keys(tally(answers.flat()))) seen.add(outcome)
      await fx.ledger.expireHolds(fx.db)
      const balances = await Promise.all(wallets.map((wallet) => fx.balanceMinor(wallet)))
      expect(balances.reduce((sum, balance) => sum + balance, 0n)).toBe(1_200n)
    }
    expect([...seen].filter((outcome) => /busy|unknown/.test(outcome))).toEqual([])
    expect(missing()).toEqual([])
  })
})
