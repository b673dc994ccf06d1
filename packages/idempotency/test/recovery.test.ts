// onIndeterminate as a function: who finds an unknown outcome asks what became of it. Memory store
// with a clock of the test's own.
import { describe, expect, it } from 'vitest'
import type { RecoverFunction, Recovery } from '../src/index.ts'
import { memoryStore } from '../src/memory/index.ts'
import { job, setUpExecution } from './support/execution.ts'
import type { Execution, Job } from './support/execution.ts'
import { gate } from './support/gate.ts'
import { storeWith } from './support/store-with.ts'

/** Leaves the outcome of the job unknown, as a crash after its commit point would. */
async function crash({ idempotency, time }: Execution): Promise<void> {
  const door = gate()
  void idempotency.execute(job, async (context) => {
    await context.step('hold', () => ({ id: 'h-1' }))
    await door.pass()
  })
  await door.reached
  time.nowMs += idempotency.policy.leaseMs
}

const never = async (): Promise<never> => expect.unreachable()

describe('recover', () => {
  it('IDEM-06 stores what is found to have happened, and replays it from then on', async () => {
    const seen: Recovery<Job>[] = []
    const recover: RecoverFunction<Job> = (recovery) => {
      seen.push(recovery)
      return { outcome: 'store', value: { reference: 'p-1' } }
    }
    const set = setUpExecution({ onIndeterminate: recover })
    await crash(set)
    const expected = { outcome: 'replayed', omitted: false, value: { reference: 'p-1' } }
    expect(await set.idempotency.execute(job, never)).toEqual(expected)
    expect(await set.idempotency.execute(job, never)).toEqual(expected)
    expect(seen).toHaveLength(1)
    const [recovery] = seen
    const { key, request } = job
    expect(recovery).toMatchObject({ key, request, attempt: 2, scope: 't1', operation: 'settle' })
    expect(recovery!.steps.get('hold')).toEqual({ id: 'h-1' })
    expect(set.events.map(({ type }) => type)).toContain('recovered')
  })

  it('executes, with the recorded steps, what is found not to have happened', async () => {
    const set = setUpExecution({ onIndeterminate: () => ({ outcome: 'execute' }) })
    await crash(set)
    const result = await set.idempotency.execute(job, async (context) => {
      expect((await set.idempotency.inspect(job))?.state).toBe('committed')
      return [context.attempt, await context.step('hold', never)]
    })
    expect(result).toMatchObject({ outcome: 'executed', value: [2, { id: 'h-1' }] })
  })

  it('gives a handler with a commit point of its own the time before it again', async () => {
    const set = setUpExecution({
      commitPoint: 'explicit',
      onIndeterminate: () => ({ outcome: 'execute' }),
    })
    const failing = set.idempotency.execute(job, async (context) => {
      await context.commitPoint()
      throw new Error('cut off')
    })
    await expect(failing).rejects.toThrow('cut off')
    await set.idempotency.execute(job, async (context) => {
      expect((await set.idempotency.inspect(job))?.state).toBe('started')
      await context.commitPoint()
      expect((await set.idempotency.inspect(job))?.state).toBe('committed')
    })
  })

  it.each([
    ['says so', () => ({ outcome: 'indeterminate' as const })],
    ['throws', () => Promise.reject(new Error('the provider is down'))],
    ['gives no verdict', () => undefined as never],
    ['gives a verdict that there is not', () => ({ outcome: 'release' }) as never],
    ['gives a result that cannot be stored', () => ({ outcome: 'store' as const, value: 1n })],
  ])('IDEM-06 keeps the outcome unknown when the function %s', async (what, recover) => {
    const set = setUpExecution({ onIndeterminate: recover })
    await crash(set)
    const unknown = { outcome: 'indeterminate', reason: 'failed' }
    expect(await set.idempotency.execute(job, never)).toEqual(unknown)
    expect((await set.idempotency.inspect(job))?.standing).toBe('indeterminate')
    const told = set.events.map(({ type }) => type)
    expect(told).toContain(what === 'says so' ? 'recovered' : 'recovery_failed')
  })

  it('IDEM-01 asks once for many requests, which are told that it is in progress', async () => {
    const door = gate()
    let calls = 0
    const set = setUpExecution({
      onIndeterminate: async () => {
        calls += 1
        await door.pass()
        return { outcome: 'store', value: 'paid' }
      },
    })
    await crash(set)
    const first = set.idempotency.execute(job, never)
    await door.reached
    const others = await Promise.all(
      Array.from({ length: 20 }, () => set.idempotency.execute(job, never)),
    )
    expect(new Set(others.map(({ outcome }) => outcome))).toEqual(new Set(['in_progress']))
    door.open()
    expect(await first).toMatchObject({ outcome: 'replayed', value: 'paid' })
    expect(calls).toBe(1)
  })

  it('IDEM-06 asks again when the one that asked was cut off itself', async () => {
    const door = gate()
    let calls = 0
    const set = setUpExecution({
      onIndeterminate: async () => {
        calls += 1
        if (calls === 1) await door.pass()
        return { outcome: 'store', value: `found ${calls}` }
      },
    })
    await crash(set)
    void set.idempotency.execute(job, never)
    await door.reached
    set.time.nowMs += set.idempotency.policy.leaseMs
    expect(await set.idempotency.execute(job, never)).toMatchObject({ value: 'found 2' })
  })

  it('IDEM-08 does not execute when the claim was taken over while it asked', async () => {
    const store = memoryStore()
    let isFirst = true
    const set = setUpExecution({
      store: storeWith(store, {
        async claim(request) {
          const result = await store.claim(request)
          if (!isFirst || result.verdict !== 'acquired') return result
          isFirst = false
          return { ...result, recovering: true }
        },
        mark: async () => 'stale',
      }),
      onIndeterminate: () => ({ outcome: 'execute' }),
    })
    expect(await set.idempotency.execute(job, never)).toMatchObject({ outcome: 'indeterminate' })
    expect(set.events.map(({ type }) => type)).toContain('lease_lost')
  })

  it('is not asked where the effect had not begun', async () => {
    const set = setUpExecution({ commitPoint: 'explicit', onIndeterminate: never })
    await crash(set)
    const result = await set.idempotency.execute(job, async (context) => context.attempt)
    expect(result).toMatchObject({ value: 2 })
  })
})
