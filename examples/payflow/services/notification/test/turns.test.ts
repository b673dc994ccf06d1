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

it('lets the urgent ones go before the others', async () => {
  const turns = new Turns(1)
  const begun: string[] = []
  const end = Promise.withResolvers<void>()
  const works = [
    turns.take(() => end.promise),
    ...['first', 'second'].map((name) => turns.take(async () => begun.push(name))),
    ...['urgent', 'urgent too'].map((name) =>
      turns.take(async () => begun.push(name), { isUrgent: true }),
    ),
  ]
  end.resolve()
  await Promise.all(works)
  expect(begun).toEqual(['urgent', 'urgent too', 'first', 'second'])
})

it('lets whoever waited for too long leave, without a turn that others then miss', async () => {
  const turns = new Turns(1)
  const end = Promise.withResolvers<string>()
  const held = turns.take(() => end.promise)
  const next = turns.take(async () => 'next')
  // Nobody ends before it has left.
  expect(await turns.take(async () => 'patient', { leaveAfterMs: 1 })).toBeUndefined()
  end.resolve('held')
  expect(await Promise.all([held, next])).toEqual(['held', 'next'])
  expect(await turns.take(async () => 'later', { leaveAfterMs: 1 })).toBe('later')
})
