// Goal: when stale rows are called a mass reversal. Method: counts, as a table.
import { describe, expect, it } from 'vitest'
import { massReversalSigns } from '../src/mass-reversal.ts'

const limits = { windowMs: 1_500_000, shareMax: 0.2, rowsMin: 10, noneCompletedMin: 5 }
const none = { created: 0, pending: 0, completed: 0, reversed: 0 }

describe('massReversalSigns', () => {
  it.each([
    ['nothing at all', 0, none, none, []],
    ['one stale row among many', 1, { ...none, created: 90, completed: 90 }, none, []],
    ['an honest backlog', 0, { ...none, created: 500, pending: 500 }, none, []],
    ['a backlog behind a stale row', 1, { ...none, created: 500, pending: 500 }, none, []],
    ['a fifth of ten', 10, { ...none, created: 40, completed: 40 }, none, []],
    ['more than a fifth', 11, { ...none, created: 40, completed: 40 }, none, ['share']],
    ['a large share of too few', 3, { ...none, created: 6, completed: 6 }, none, []],
    [
      'a trickle that adds up',
      1,
      { created: 40, pending: 0, completed: 30, reversed: 10 },
      none,
      ['share'],
    ],
    ['refusals by others', 2, { created: 40, pending: 0, completed: 1, reversed: 0 }, none, []],
    ['five, none completed', 5, none, none, ['none_completed']],
    ['four, none completed', 4, none, none, []],
    [
      'the last five, long ago',
      1,
      none,
      { created: 4, pending: 0, completed: 0, reversed: 4 },
      ['none_completed'],
    ],
    [
      'one of the last five completed',
      1,
      none,
      { created: 4, pending: 0, completed: 1, reversed: 3 },
      [],
    ],
    [
      'all quietly reversed, none stale at this moment',
      0,
      { created: 30, pending: 2, completed: 0, reversed: 28 },
      none,
      ['share', 'none_completed'],
    ],
  ] as const)('REV-11 %s', (_, stale, window, before, causes) => {
    expect(massReversalSigns(limits, stale, window, before).causes).toEqual(causes)
  })

  it('divides by what ended or should have, never by what may still end', () => {
    const window = { created: 100, pending: 60, completed: 30, reversed: 10 }
    expect(massReversalSigns(limits, 10, window, none).share).toBe(20 / 50)
    expect(massReversalSigns(limits, 0, none, none).share).toBe(0)
  })
})
