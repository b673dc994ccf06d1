// When payments as a whole are called out of order: each bound from both sides.
import { describe, expect, it } from 'vitest'
import { paymentFlow, type FlowFacts } from '../src/index.ts'

const quiet: FlowFacts = {
  created: 0,
  reversed: 0,
  oldestPendingMs: 0,
  sinceReversedMs: null,
  sinceCompletedMs: null,
}
const minutes = (count: number) => count * 60_000

describe('paymentFlow', () => {
  it.each<[string, Partial<FlowFacts>, string]>([
    ['nothing at all', {}, 'normal'],
    ['a payment on its way', { created: 1, oldestPendingMs: minutes(1) }, 'normal'],
    ['one that waits for longer than a minute', { oldestPendingMs: minutes(1) + 1 }, 'stalled'],
    [
      'one that waits while others complete',
      { oldestPendingMs: minutes(5), sinceCompletedMs: minutes(5) - 1 },
      'normal',
    ],
    [
      'one that waits, and the last completion was before it',
      { oldestPendingMs: minutes(5), sinceCompletedMs: minutes(5) + 1 },
      'stalled',
    ],
    ['two reversed of two', { created: 2, reversed: 2, sinceReversedMs: 0 }, 'normal'],
    ['three reversed of fifteen', { created: 15, reversed: 3, sinceReversedMs: 0 }, 'normal'],
    ['three reversed of fourteen', { created: 14, reversed: 3, sinceReversedMs: 0 }, 'reversing'],
    ['three reversed of older ones', { created: 0, reversed: 3, sinceReversedMs: 0 }, 'reversing'],
    [
      'reversals with completions between them',
      { created: 9, reversed: 3, sinceReversedMs: minutes(2), sinceCompletedMs: 0 },
      'reversing',
    ],
    [
      'completions, and no reversal for two minutes',
      { created: 9, reversed: 3, sinceReversedMs: minutes(2) + 1, sinceCompletedMs: 0 },
      'normal',
    ],
    [
      'no reversal for a while, and no completion either',
      { created: 9, reversed: 9, sinceReversedMs: minutes(9), sinceCompletedMs: null },
      'reversing',
    ],
    [
      'many reversed while others still wait',
      { created: 9, reversed: 3, sinceReversedMs: 0, oldestPendingMs: minutes(2) },
      'reversing',
    ],
  ])('names %s', (_, facts, flow) => {
    expect(paymentFlow({ ...quiet, ...facts })).toBe(flow)
  })
})
