/* Goal: the ledger knows ISO 4217 from the beginning and takes currencies of one's own, for good. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CURRENCIES } from '../src/migrations/0001-currencies.ts'
import { type Fixture, movement, openFixture, tally, times } from './support/fixture.ts'

let fx: Fixture
beforeAll(async () => {
  fx = await openFixture()
})
afterAll(() => fx.closeSound())

describe('currencies', () => {
  test('lists those of ISO 4217', async () => {
    const listed = await fx.ledger.currencies.list(fx.db)
    expect(listed.length).toBeGreaterThanOrEqual(CURRENCIES.length)
    expect(listed).toContainEqual({ code: 'USD', exponent: 2 })
    expect(listed.map(({ code }) => code)).toEqual(listed.map(({ code }) => code).toSorted())
  })

  test('one of your own is created once, replays, and keeps its digits for ever', async () => {
    const points = { code: 'POINTS', exponent: 0 }
    const results = await Promise.all(times(8, () => fx.ledger.currencies.define(fx.db, points)))
    expect(tally(results)).toEqual({ created: 1, replayed: 7 })
    expect(await fx.ledger.currencies.define(fx.db, { ...points, exponent: 1 })).toEqual({
      outcome: 'conflict',
      differs: ['exponent'],
      existing: points,
    })
    expect(await fx.ledger.currencies.list(fx.db)).toContainEqual(points)
  })

  test('one of your own moves like any other', async () => {
    await fx.ledger.currencies.define(fx.db, { code: 'XBTC', exponent: 8 })
    const [from, to] = [
      await fx.account({ currency: 'XBTC', kind: 'asset' }),
      await fx.account({ currency: 'XBTC' }),
    ]
    const moved = await fx.ledger.transfer(fx.db, movement(from, to, 1n, { currency: 'XBTC' }))
    expect(moved.outcome).toBe('created')
    expect(await fx.ledger.balance(fx.db, to)).toMatchObject({ exponent: 8, balanceMinor: 1n })
  })

  test.each([
    ['code', { code: 'usd', exponent: 2 }],
    ['code', { code: 'US', exponent: 2 }],
    ['code', { code: 'X'.repeat(13), exponent: 2 }],
    ['code', { code: 7 as never, exponent: 2 }],
    ['exponent', { code: 'XTC', exponent: -1 }],
    ['exponent', { code: 'XTC', exponent: 19 }],
    ['exponent', { code: 'XTC', exponent: 0.5 }],
    ['exponent', { code: 'XTC', exponent: '2' as never }],
  ])('a %s that cannot be is rejected: %j', async (field, currency) => {
    expect(await fx.ledger.currencies.define(fx.db, currency)).toEqual({
      outcome: 'rejected',
      reason: 'currency_invalid',
      detail: { field },
    })
  })
})
