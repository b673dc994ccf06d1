// Goal: no amount is ever off by a cent, in either direction, whatever its size.
// Method: tables of what people type, and a round trip over many amounts.
import { describe, expect, it } from 'vitest'
import {
  amountMinorMax,
  formatMinor,
  minorToDecimal,
  moneyParts,
  parseAmount,
} from '../src/money.ts'

describe('parseAmount', () => {
  it.each([
    ['12.34', 1234],
    ['12', 1200],
    ['12.', 1200],
    ['12.3', 1230],
    ['.5', 50],
    ['0.01', 1],
    ['  $50.00 ', 5000],
    ['1,234.50', 123_450],
    ['1,000,000', 100_000_000],
    ['007', 700],
    // These are off by one cent when they go through binary fractions (1.15 * 100 = 114.999…).
    ['1.15', 115],
    ['4.35', 435],
    ['1.1', 110],
    ['999999999.99', 99_999_999_999],
    ['1000000000', amountMinorMax],
  ])('reads %j as %i minor units', (text, amountMinor) => {
    expect(parseAmount(text, 'USD')).toEqual({ ok: true, amountMinor })
  })

  it.each([
    '',
    '   ',
    '.',
    '$',
    '0',
    '0.00',
    '-5',
    '+5',
    '1e3',
    '0x10',
    '12,34',
    '1,23,456',
    '1 000',
    '12.345',
    '12.3.4',
    'ten',
    '１２',
    'Infinity',
    'NaN',
    '1000000000.01',
    '9'.repeat(400),
  ])('refuses %j with a sentence', (text) => {
    const parsed = parseAmount(text, 'USD')
    expect(parsed.ok).toBe(false)
    expect(!parsed.ok && parsed.message).toMatch(/^[A-Z].+\.$/)
  })

  it('takes no fraction for a currency that has none', () => {
    expect(parseAmount('1200', 'JPY')).toEqual({ ok: true, amountMinor: 1200 })
    expect(parseAmount('12.5', 'JPY').ok).toBe(false)
  })

  it('reads back whatever minorToDecimal writes', () => {
    for (let minor = 1; minor <= amountMinorMax; minor = minor * 3 + 7) {
      const text = minorToDecimal(minor, 'USD')
      expect(parseAmount(text, 'USD')).toEqual({ ok: true, amountMinor: minor })
    }
  })
})

describe('formatMinor', () => {
  it.each([
    [0, '$0.00'],
    [5, '$0.05'],
    [5000, '$50.00'],
    [123_456_789, '$1,234,567.89'],
    [-250, '-$2.50'],
    [Number.MAX_SAFE_INTEGER, '$90,071,992,547,409.91'],
  ])('writes %i minor units as %s', (minor, text) => {
    expect(formatMinor(minor, 'USD')).toBe(text)
  })

  it.each([0.5, Number.NaN, 2 ** 53])('refuses %d, which is no exact number of cents', (minor) => {
    expect(() => formatMinor(minor, 'USD')).toThrow(RangeError)
  })
})

describe('moneyParts', () => {
  it('gives the pieces that formatMinor joins', () => {
    const { sign, symbol, whole, fraction } = moneyParts(-123_456, 'USD')
    expect([sign, symbol, whole, fraction]).toEqual(['-', '$', '1,234', '.56'])
    expect(sign + symbol + whole + fraction).toBe(formatMinor(-123_456, 'USD'))
  })
})
