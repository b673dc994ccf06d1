/*
 * Goal: what is counted is what was done, however many callers there are.
 * Method: callers of a function that takes one turn of the event loop.
 */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Context } from '../src/lib/context.ts'
import { load } from '../src/lib/load.ts'
import { faultsOf, inRounds, of, rateRow } from '../src/lib/rounds.ts'

const context: Context = { quick: true, only: [], say: () => {}, used: () => {} }

describe('load', () => {
  test('counts every unit of callers that end at the same time', async () => {
    let units = 0
    const slice = await load(
      {
        name: 'two a call',
        callers: 16,
        call: async () => {
          await setImmediate()
          units += 2
          return 2
        },
      },
      30,
    )
    expect(slice.done).toBe(units)
    expect(slice.callMs.length * 2).toBe(units)
    expect(slice.perSecond).toBeCloseTo(units / slice.seconds)
  })

  test('goes on after an error, and counts it by its code', async () => {
    const call = async (): Promise<number> => {
      await setImmediate()
      throw Object.assign(new Error('deadlock detected'), { code: '40P01' })
    }
    const slice = await load({ name: 'deadlocks', callers: 2, call }, 20)
    expect(slice.done).toBe(0)
    expect(slice.errors.get('40P01')).toBeGreaterThan(1)
  })
})

describe('inRounds', () => {
  test('finds a case whose calls left no rows', async () => {
    let rows = 0
    const world = {
      compared: 'rows = calls',
      rows: async () => rows,
      faults: async () => [],
      settle: async () => {},
      verify: async () => ['an account is off'],
    }
    const call = (grows: number) => async () => {
      await setImmediate()
      rows += grows
      return 1
    }
    const cases = [
      { name: 'honest', callers: 2, world, call: call(1) },
      { name: 'forgetful', callers: 2, world, call: call(0) },
    ]
    const measured = await inRounds(context, 'demo', cases, { rounds: 3, sliceMs: 10 })
    const faults = faultsOf(measured)
    expect(faults).toContain('honest: an account is off')
    expect(faults.filter((fault) => fault.startsWith('forgetful'))).not.toEqual([])
    expect(rateRow(of(measured, 'forgetful'))).toMatchObject({ n: 3, unit: '/s' })
    expect(of(measured, 'forgetful').correct).toMatch(/^✗ \d+ done, but 0 rows/)
  })
})
