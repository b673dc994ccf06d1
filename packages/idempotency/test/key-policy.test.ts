// Keys as clients send them.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseKey } from '../src/index.ts'
import { resolveKeyPolicy } from '../src/key-policy.ts'

const policy = resolveKeyPolicy()

describe('parseKey', () => {
  it.each([
    ['8e03978e-40d5-43e8-bc93-6894a57f9324', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
    ['"8e03978e"', '8e03978e'],
    ['a\\b', 'a\\b'],
    ['"a\\\\b"', 'a\\b'],
    ['"a\\"b"', 'a"b'],
    ['"a,b"', 'a,b'],
    ['!~', '!~'],
  ])('IDEM-32 reads %s as %s', (text, key) => {
    expect(parseKey(text, policy)).toEqual({ ok: true, key })
  })

  it('IDEM-32 reads every key the same, quoted and bare', () => {
    const visible = fc.string({
      unit: fc.constantFrom(...visibleAscii()),
      minLength: 1,
      maxLength: 255,
    })
    fc.assert(
      fc.property(visible, (key) => {
        const quoted = `"${key.replace(/["\\]/g, '\\$&')}"`
        expect(parseKey(quoted, policy)).toEqual({ ok: true, key })
        fc.pre(!/[",]/.test(key))
        expect(parseKey(key, policy)).toEqual({ ok: true, key })
      }),
    )
  })

  it('IDEM-32 accepts visible ASCII and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const parsed = parseKey(text, policy)
        expect(parsed.ok ? parsed.key : 'refused').toMatch(/^[\x21-\x7e]{1,255}$/)
      }),
    )
  })

  it('counts the characters of the key, not of its quotes', () => {
    expect(parseKey(`"${'k'.repeat(255)}"`, policy).ok).toBe(true)
    expect(parseKey('k'.repeat(256), policy).ok).toBe(false)
    expect(parseKey('"abc"', resolveKeyPolicy({ minLength: 4 })).ok).toBe(false)
  })
})

function visibleAscii(): string[] {
  return Array.from({ length: 94 }, (_, at) => String.fromCharCode(0x21 + at))
}
