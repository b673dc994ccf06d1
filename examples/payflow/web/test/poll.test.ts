// Goal: the page asks quickly at first and never too often. Method: the waits as numbers.
import { describe, expect, it } from 'vitest'
import { pollDelayMs, retryAfterMs, retryDelayMs } from '../src/poll.ts'

describe('pollDelayMs', () => {
  it('starts at a quarter of a second and never shrinks', () => {
    const delays = Array.from({ length: 30 }, (_, asked) => pollDelayMs(asked))
    expect(delays[0]).toBe(250)
    expect(delays.at(-1)).toBe(10_000)
    expect(delays).toEqual(delays.toSorted((a, b) => a - b))
  })

  it('asks at least four times within the first two seconds', () => {
    const first = [0, 1, 2, 3].map(pollDelayMs)
    expect(first.reduce((sum, delay) => sum + delay)).toBeLessThan(2_000)
  })
})

describe('retryDelayMs', () => {
  it('doubles up to thirty seconds', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 20].map((attempt) => retryDelayMs(attempt, null, 0))
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })

  it('never comes back before Retry-After, and adds at most a quarter by chance', () => {
    expect(retryDelayMs(1, 8_000, 0)).toBe(8_000)
    expect(retryDelayMs(1, 8_000, 0.999)).toBeLessThanOrEqual(10_000)
  })
})

describe('retryAfterMs', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  it.each([
    [null, null],
    ['3', 3_000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:05 GMT', 5_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['999999', 300_000],
    ['soon', null],
    ['', null],
  ])('reads %j as %j', (header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected)
  })
})
