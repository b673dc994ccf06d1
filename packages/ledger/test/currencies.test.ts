/*
 * The currency table is ISO 4217: compared with the copy that the JavaScript engine carries.
 * Engines take theirs from CLDR, which says for some currencies how many digits people write, not
 * how many ISO gives.
 */
import { describe, expect, test } from 'vitest'
import { CURRENCIES } from '../src/migrations/0001-currencies.ts'

const CUSTOMARY =
  'AFN ALL COP HUF IDR IQD IRR KPW LAK LBP MGA MMK PKR RSD SLE SOS SYP TZS UZS YER ZMW'.split(' ')

describe('CURRENCIES', () => {
  const known = new Map(CURRENCIES)

  test('lists every code once', () => {
    expect(known.size).toBe(CURRENCIES.length)
  })

  test('agrees with the engine about the digits of each code', () => {
    const differing = CURRENCIES.filter(([currency, exponent]) => {
      if (CUSTOMARY.includes(currency)) return false
      const format = new Intl.NumberFormat('en', { style: 'currency', currency })
      return format.resolvedOptions().maximumFractionDigits !== exponent
    })
    expect(differing).toEqual([])
  })

  test.each([
    ['USD', 2],
    ['JPY', 0],
    ['KWD', 3],
    ['CLF', 4],
  ])('%s has %i digits', (code, exponent) => {
    expect(known.get(code)).toBe(exponent)
  })
})
