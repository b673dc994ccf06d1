// Goal: one number replays a run.
import { describe, expect, test } from 'vitest'
import { drawSeed, parseSeed, random, randomInteger, seed, useSeed } from '../src/seed.ts'

describe('seed', () => {
  test('gives the same sequence again', () => {
    const run = () => {
      useSeed(42)
      return Array.from({ length: 100 }, random)
    }
    const first = run()
    expect(run()).toEqual(first)
    expect(new Set(first).size).toBe(100)
    expect(first.every((n) => n >= 0 && n < 1)).toBe(true)
  })

  test('differs between neighbouring seeds', () => {
    useSeed(1)
    const one = random()
    useSeed(2)
    expect(random()).not.toBe(one)
  })

  test('randomInteger reaches both ends and nothing beyond', () => {
    useSeed(7)
    const drawn = new Set(Array.from({ length: 200 }, () => randomInteger(3, 5)))
    expect(drawn).toEqual(new Set([3, 4, 5]))
  })

  test('refuses a TEST_SEED that is no 31-bit integer', () => {
    expect(parseSeed('2147483647')).toBe(2147483647)
    expect(parseSeed('')).toBeUndefined()
    for (const bad of ['-1', '1.5', '2147483648', 'x']) expect(() => parseSeed(bad)).toThrow(bad)
    expect(drawSeed()).toBeGreaterThanOrEqual(0)
    expect(Number.isInteger(seed())).toBe(true)
  })
})
