// ctx.step(): a part of the work that an earlier attempt has recorded is not done again. Memory
// store with a clock of the test's own; attempts are cut off by letting their lease lapse.
import { describe, expect, it } from 'vitest'
import type { IdempotencyContext, IdempotencyStore } from '../src/index.ts'
import { memoryStore } from '../src/memory/index.ts'
import { job, setUpExecution } from './support/execution.ts'
import type { Execution } from './support/execution.ts'
import { gate } from './support/gate.ts'
import { storeWith } from './support/store-with.ts'

const resumable = { commitPoint: 'explicit' } as const

/** Runs work up to its gate, then lets its lease lapse there, as a crash would. */
async function cutOff(
  { idempotency, time }: Execution,
  work: (context: IdempotencyContext) => Promise<unknown>,
): Promise<void> {
  const door = gate()
  void idempotency.execute(job, async (context) => {
    await work(context)
    await door.pass()
  })
  await door.reached
  time.nowMs += idempotency.policy.leaseMs
}

describe('step', () => {
  it('IDEM-05 gives a resumed attempt what earlier attempts have recorded', async () => {
    const set = setUpExecution(resumable)
    let charges = 0
    const charge = (context: IdempotencyContext) =>
      context.step('charge', async () => ({ reference: `c-${(charges += 1)}` }))
    await cutOff(set, charge)
    await cutOff(set, async (context) => {
      await charge(context)
      await context.step('e-mail', async () => undefined)
    })
    const third = await set.idempotency.execute(job, async (context) => {
      const { reference } = await charge(context)
      await context.step('e-mail', () => expect.unreachable())
      return [reference, context.attempt]
    })
    expect(third).toMatchObject({ outcome: 'executed', value: ['c-1', 3] })
    expect(charges).toBe(1)
  })

  it('IDEM-08 refuses a step of an owner that was replaced, and records nothing of it', async () => {
    const { idempotency, time } = setUpExecution(resumable)
    const door = gate()
    const first = idempotency.execute(job, async (context) => {
      await door.pass()
      await context.step('charge', async () => 'by the first')
    })
    await door.reached
    time.nowMs += idempotency.policy.leaseMs
    const second = idempotency.execute(job, async (context) => {
      const value = await context.step('charge', async () => 'by the second')
      door.open()
      await expect(first).rejects.toMatchObject({ code: 'IDEMPOTENCY_LEASE_LOST' })
      return [value, await context.step('charge', () => expect.unreachable())]
    })
    expect(await second).toMatchObject({ value: ['by the second', 'by the second'] })
  })

  it('keeps what was recorded when a later part fails before the commit point', async () => {
    const { idempotency } = setUpExecution(resumable)
    let holds = 0
    const hold = (context: IdempotencyContext) => context.step('hold', () => (holds += 1))
    const failing = idempotency.execute(job, async (context) => {
      await hold(context)
      await context.step('pay', () => Promise.reject(new Error('no network')))
    })
    await expect(failing).rejects.toThrow('no network')
    const other = await idempotency.execute({ ...job, payload: 'other' }, async () => 1)
    expect(other).toEqual({ outcome: 'mismatch' })
    const next = await idempotency.execute(job, async (context) => [
      await hold(context),
      context.attempt,
    ])
    expect(next).toMatchObject({ outcome: 'executed', value: [1, 2] })
  })

  it('runs two parts side by side, and one name once', async () => {
    const set = setUpExecution(resumable)
    const runs: string[] = []
    const run = (context: IdempotencyContext, name: string) =>
      context.step(name, async () => runs.push(name))
    await cutOff(set, (context) =>
      Promise.all([run(context, 'a'), run(context, 'b'), run(context, 'a')]),
    )
    await set.idempotency.execute(job, (context) =>
      Promise.all([run(context, 'b'), run(context, 'c'), run(context, 'a')]),
    )
    expect(runs).toEqual(['a', 'b', 'c'])
  })

  it('gives a result as JSON carries it, in the first attempt too', async () => {
    const set = setUpExecution(resumable)
    const seen: unknown[] = []
    const work = async (context: IdempotencyContext) => {
      seen.push(await context.step('when', () => new Date(0)))
      seen.push(await context.step('nothing', () => undefined))
      seen.push(await context.step('null', () => null))
    }
    await cutOff(set, work)
    await set.idempotency.execute(job, work)
    const asJson = ['1970-01-01T00:00:00.000Z', undefined, null]
    expect(seen).toEqual([...asJson, ...asJson])
  })

  it('runs a part again that failed, in the same attempt', async () => {
    const { idempotency } = setUpExecution(resumable)
    const result = await idempotency.execute(job, async (context) => {
      const failing = context.step('pay', () => Promise.reject(new Error('busy')))
      await expect(failing).rejects.toThrow('busy')
      return context.step('pay', async () => 'paid')
    })
    expect(result).toMatchObject({ value: 'paid' })
  })

  it('says that a result was not recorded, and then records it without doing the part again', async () => {
    const store: IdempotencyStore = memoryStore()
    let isDown = true
    const { idempotency } = setUpExecution({
      ...resumable,
      store: storeWith(store, {
        async checkpoint(...args) {
          if (isDown) throw new Error('the store is down')
          return store.checkpoint(...args)
        },
      }),
    })
    let charges = 0
    const result = await idempotency.execute(job, async (context) => {
      const charge = () => context.step('charge', () => (charges += 1))
      await expect(charge()).rejects.toThrow('the store is down')
      isDown = false
      return charge()
    })
    expect(result).toMatchObject({ value: 1 })
  })

  it.each([
    ['an empty name', (context: IdempotencyContext) => context.step('', never)],
    [
      'a name that is too long',
      (context: IdempotencyContext) => context.step('n'.repeat(129), never),
    ],
    ['one step too many', (context: IdempotencyContext) => context.step('third', never)],
    ['no JSON', (context: IdempotencyContext) => context.step('one', () => 10n)],
    ['too many bytes', (context: IdempotencyContext) => context.step('one', () => 'x'.repeat(99))],
  ])('refuses %s', async (_case, step) => {
    const { idempotency } = setUpExecution({ ...resumable, stepsMax: 2, stepsMaxBytes: 64 })
    const work = idempotency.execute(job, async (context) => {
      if (_case === 'one step too many') {
        await context.step('first', () => 1)
        await context.step('second', () => 2)
      }
      await step(context)
    })
    await expect(work).rejects.toMatchObject({ code: 'IDEMPOTENCY_STEP_INVALID' })
  })

  it('IDEM-38 executes nothing when the recorded steps cannot be read', async () => {
    const store = memoryStore()
    const { idempotency, events } = setUpExecution({
      ...resumable,
      store: storeWith(store, {
        async claim(request) {
          const result = await store.claim(request)
          return { ...result, checkpoint: Buffer.from('[2,["newer"]]') } as typeof result
        },
      }),
    })
    const unknown = { outcome: 'indeterminate', reason: 'unreadable' }
    expect(await idempotency.execute(job, never)).toEqual(unknown)
    expect(events.map(({ type }) => type)).toEqual(['claimed', 'abandoned', 'indeterminate'])
    expect((await idempotency.inspect(job))?.state).toBe('indeterminate')
  })

  it('begins nothing once the execution has ended', async () => {
    const { idempotency } = setUpExecution()
    const result = await idempotency.execute(job, async () => 'done')
    if (result.outcome !== 'executed') throw new Error(result.outcome)
    const late = result.context.step('late', never)
    await expect(late).rejects.toMatchObject({ code: 'IDEMPOTENCY_LEASE_LOST' })
  })

  it('goes on without recording where the store is down and the rules say so', async () => {
    const down = async () => Promise.reject(new Error('the store is down'))
    const store = storeWith(memoryStore(), { claim: down })
    const { idempotency } = setUpExecution({ store, onStoreFailure: 'open' })
    const result = await idempotency.execute(job, (context) => context.step('pay', () => 'paid'))
    expect(result).toMatchObject({ value: 'paid', context: { degraded: true, scope: 't1' } })
  })
})

function never(): never {
  throw new Error('this must not run')
}
