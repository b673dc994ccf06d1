/* Goal: amounts become text and back without losing or inventing a minor unit. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDecimal, minor, parseDecimal } from '../src/index.ts'
import { CURRENCIES } from '../src/migrations/0001-currencies.ts'

const MAX = 9_223_372_036_854_775_807n
const currency = fc.constantFrom(...CURRENCIES)
const amount = fc.bigInt({ min: -MAX, max: MAX })
const refused = expect.objectContaining({ code: 'LEDGER_INVALID_OPTION' })

describe('parseDecimal', () => {
  test.each([
    ['10.50', 'USD', 1_050n],
    ['10.5', 'USD', 1_050n],
    ['10', 'USD', 1_000n],
    ['0.05', 'USD', 5n],
    ['-0.05', 'USD', -5n],
    ['007', 'JPY', 7n],
    ['1.234', 'KWD', 1_234n],
    ['90071992547409.93', 'USD', 9_007_199_254_740_993n],
    ['92233720368547758.07', 'USD', MAX],
    ['-92233720368547758.07', 'USD', -MAX],
    ['-0', 'USD', 0n],
  ])('LEDGER-15 reads %s %s as %s', (text, code, expected) => {
    expect(parseDecimal(text, code)).toBe(expected)
  })

  test.each([
    ['10.505', 'USD'],
    ['10.0', 'JPY'],
    ['92233720368547758.08', 'USD'],
    ['', 'USD'],
    ['-', 'USD'],
    ['.5', 'USD'],
    ['5.', 'USD'],
    ['+5', 'USD'],
    ['--5', 'USD'],
    ['1e3', 'USD'],
    ['1,000', 'USD'],
    ['1 000', 'USD'],
    [' 1', 'USD'],
    ['1\n', 'USD'],
    ['٣', 'USD'],
    ['0x10', 'USD'],
    ['NaN', 'USD'],
    ['Infinity', 'USD'],
    [undefined as never, 'USD'],
    [5 as never, 'USD'],
    [['5'] as never, 'USD'],
    [10.5 as never, 'JPY'],
  ])('LEDGER-15 takes %j %s for no amount', (text, code) => {
    expect(parseDecimal(text, code)).toBeNull()
  })

  test('gives back every amount that formatDecimal writes', () => {
    fc.assert(
      fc.property(amount, currency, (amountMinor, [code]) => {
        expect(parseDecimal(formatDecimal(amountMinor, code), code)).toBe(amountMinor)
      }),
    )
  })

  test('takes no text but a decimal one', () => {
    fc.assert(
      fc.property(fc.string(), currency, (text, [code, exponent]) => {
        const decimal = new RegExp(`^-?[0-9]{1,17}([.][0-9]{1,${exponent + 1}})?$`)
        fc.pre(!decimal.test(text))
        expect(parseDecimal(text, code)).toBeNull()
      }),
    )
  })
})

describe('formatDecimal', () => {
  test.each([
    [1_050n, 'USD', '10.50'],
    [5n, 'USD', '0.05'],
    [-5n, 'USD', '-0.05'],
    [0n, 'USD', '0.00'],
    [1_050n, 'JPY', '1050'],
    [0n, 'JPY', '0'],
    [1n, 'CLF', '0.0001'],
    [-MAX, 'KWD', '-9223372036854775.807'],
  ])('writes %s %s as %s', (amountMinor, code, text) => {
    expect(formatDecimal(amountMinor, code)).toBe(text)
  })

  test('has always as many digits as the currency', () => {
    fc.assert(
      fc.property(amount, currency, (amountMinor, [code, exponent]) => {
        const [, fraction = ''] = formatDecimal(amountMinor, code).split('.')
        expect(fraction).toHaveLength(exponent)
      }),
    )
  })
})

describe('currencies of your own', () => {
  test('have the digits that are given', () => {
    expect(parseDecimal('0.00000001', 'XBTC', 8)).toBe(1n)
    expect(formatDecimal(1n, 'XBTC', 8)).toBe('0.00000001')
    expect(formatDecimal(150n, 'USD', 3)).toBe('0.150')
  })

  test.each([undefined, -1, 19, 0.5, Number.NaN])('are refused with %s digits', (exponent) => {
    expect(() => parseDecimal('1', 'XBTC', exponent)).toThrow(refused)
    expect(() => formatDecimal(1n, 'XBTC', exponent)).toThrow(refused)
  })
})

describe('minor', () => {
  test('is the amount itself', () => {
    expect(minor('USD', -100n)).toBe(-100n)
  })

  test.each([100, '100', null, MAX + 1n, -MAX - 1n])('LEDGER-15 refuses %s', (value) => {
    expect(() => minor('USD', value as bigint)).toThrow(refused)
    expect(() => formatDecimal(value as bigint, 'USD')).toThrow(refused)
  })
})
