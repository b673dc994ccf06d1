// What counts as the same request.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../src/canonical-json.ts'
import { fingerprintOf } from '../src/fingerprint.ts'

const same = (a: unknown, b: unknown): boolean =>
  fingerprintOf(a, 1_000_000).equals(fingerprintOf(b, 1_000_000))

/** The same value with the members of every object in reverse order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  const members = Object.entries(value).toReversed()
  return Object.fromEntries(members.map(([name, member]) => [name, reversed(member)]))
}

describe('canonicalJson', () => {
  it('IDEM-34 does not depend on the order of members, for any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(same(value, reversed(value))).toBe(true)
      }),
    )
  })

  it('tells different JSON values apart', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const isEqual = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
        expect(same(a, b)).toBe(isEqual)
      }),
    )
  })

  it('is JSON that means the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('IDEM-34 states its number rule: one number, however it is written; -0 is 0', () => {
    expect(canonicalJson(JSON.parse('[1, 1.0, 1e0, -0, 10000000000000000000001]'))).toBe(
      '[1,1,1,0,1e+22]',
    )
  })

  it('treats what JSON cannot carry as JSON.stringify does, and bigint as digits', () => {
    const value = { b: undefined, a: [undefined, Number.NaN], d: new Date(0), n: 12n }
    expect(canonicalJson(value)).toBe('{"a":[null,null],"d":"1970-01-01T00:00:00.000Z","n":12}')
  })
})

describe('fingerprintOf', () => {
  it('never takes bytes for the JSON that they spell', () => {
    expect(same(Buffer.from('1'), 1)).toBe(false)
    expect(same(Buffer.from('1'), new Uint8Array([49]))).toBe(true)
  })

  it('IDEM-36 keeps nothing, null, an empty text and an empty object apart', () => {
    const values = [undefined, null, '', {}, [], 0, false, 'undefined']
    const prints = values.map((value) => fingerprintOf(value, 1_024).toString('hex'))
    expect(new Set(prints).size).toBe(values.length)
  })

  it('IDEM-46 refuses what is too large or too deep to be compared', () => {
    const tooLarge = expect.objectContaining({ code: 'IDEMPOTENCY_PAYLOAD_TOO_LARGE' })
    expect(() => fingerprintOf('x'.repeat(2_000), 1_024)).toThrow(tooLarge)
    expect(() => fingerprintOf(Buffer.alloc(1_025), 1_024)).toThrow(tooLarge)
    const deep: unknown = JSON.parse(`${'['.repeat(50_000)}${']'.repeat(50_000)}`)
    expect(() => fingerprintOf(deep, 1_000_000)).toThrow(tooLarge)
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => fingerprintOf(circle, 1_000_000)).toThrow(tooLarge)
  })
})

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return members.map(([name, member]) => [name, sorted(member)]).concat([['object']])
}
