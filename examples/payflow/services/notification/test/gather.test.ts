import { expect, it } from 'vitest'
import { gather } from '../src/mail/gather.ts'

/** Longer than a test may take: what waits so long was not waited for. */
const NEVER_MS = 600_000

it('makes one call of those that come together, each answered with its own', async () => {
  const runs: (readonly number[])[] = []
  const double = gather<number, number>({
    max: 10,
    lingerMs: 1,
    run: async (items) => (runs.push(items), items.map((item) => 2 * item)),
  })
  expect(await Promise.all([double(1), double(2), double(1)])).toEqual([2, 4, 2])
  expect(await double(3)).toBe(6)
  expect(runs).toEqual([[1, 2, 1], [3]])
})

it('waits for nobody once there are as many as a call takes', async () => {
  const runs: (readonly number[])[] = []
  const ask = gather<number, number>({
    max: 2,
    lingerMs: NEVER_MS,
    run: async (items) => (runs.push(items), items),
  })
  expect(await Promise.all([1, 2, 3, 4].map(ask))).toEqual([1, 2, 3, 4])
  expect(runs).toEqual([
    [1, 2],
    [3, 4],
  ])
})

it('fails for those of the call that failed, and for no others', async () => {
  const failure = new Error('as the test wishes')
  const ask = gather<number, number>({
    max: 2,
    lingerMs: NEVER_MS,
    run: async (items) => {
      if (items.includes(0)) throw failure
      return items
    },
  })
  expect(await Promise.allSettled([0, 1, 2, 3].map(ask))).toEqual([
    { status: 'rejected', reason: failure },
    { status: 'rejected', reason: failure },
    { status: 'fulfilled', value: 2 },
    { status: 'fulfilled', value: 3 },
  ])
})
