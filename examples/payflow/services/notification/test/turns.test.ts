import { expect, it } from 'vitest'
import { Turns } from '../src/mail/turns.ts'

it('lets as many work at a time as it was told to, in the order in which they came', async () => {
  const turns = new Turns(2)
  const begun: number[] = []
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<void>())
  const works = ends.map(({ promise }, index) =>
    turns.take(async () => {
      begun.push(index)
      await promise
      return index
    }),
  )
  expect(begun).toEqual([0, 1])
  ends[1]?.resolve()
  expect(await works[1]).toBe(1)
  expect(begun).toEqual([0, 1, 2])
  for (const { resolve } of ends) resolve()
  expect(await Promise.all(works)).toEqual([0, 1, 2, 3, 4])
  expect(begun).toEqual([0, 1, 2, 3, 4])
})

it('gives the turn on also when the work failed', async () => {
  const turns = new Turns(1)
  const failed = turns.take(() => Promise.reject(new Error('as the test wishes')))
  const next = turns.take(async () => 'next')
  await expect(failed).rejects.toThrow('as the test wishes')
  expect(await next).toBe('next')
  expect(await turns.take(async () => 'later')).toBe('later')
})
