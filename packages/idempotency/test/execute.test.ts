// execute(): the same rules for work that is no HTTP request. Memory store with a clock of the
// test's own.
import { describe, expect, it } from 'vitest'
import { createIdempotency, IdempotencyError } from '../src/index.ts'
import type { IdempotencyOptions } from '../src/index.ts'
import { memoryStore } from '../src/memory/index.ts'
import { job, setUpExecution } from './support/execution.ts'
import type { Job } from './support/execution.ts'
import { gate } from './support/gate.ts'

describe('execute', () => {
  it('runs work once and gives its value to later calls', async () => {
    const { idempotency } = setUpExecution()
    let runs = 0
    const work = async () => ({ run: (runs += 1) })
    const first = await idempotency.execute(job, work)
    expect(first).toMatchObject({ outcome: 'executed', value: { run: 1 } })
    expect(await idempotency.execute(job, work)).toEqual({
      outcome: 'replayed',
      omitted: false,
      value: { run: 1 },
    })
  })

  it.each([[undefined], [null], [false], [0], ['']])('IDEM-23 replays %j', async (value) => {
    const { idempotency } = setUpExecution()
    let runs = 0
    const work = async () => {
      runs += 1
      return value
    }
    await idempotency.execute(job, work)
    expect(await idempotency.execute(job, work)).toMatchObject({ outcome: 'replayed', value })
    expect(runs).toBe(1)
  })

  it('IDEM-01 IDEM-02 tells a concurrent call what is going on', async () => {
    const { idempotency } = setUpExecution()
    const door = gate()
    const first = idempotency.execute(job, () => door.pass())
    await door.reached
    const never = async () => expect.unreachable()
    expect(await idempotency.execute(job, never)).toMatchObject({ outcome: 'in_progress' })
    const other = { ...job, payload: { amount: 6 } }
    expect(await idempotency.execute(other, never)).toEqual({ outcome: 'mismatch' })
    door.open()
    expect(await first).toMatchObject({ outcome: 'executed' })
  })

  it('releases work that throws before its commit point, and passes the error on', async () => {
    const { idempotency, events } = setUpExecution({ commitPoint: 'explicit' })
    const failure = new Error('no network')
    await expect(idempotency.execute(job, () => Promise.reject(failure))).rejects.toBe(failure)
    expect(await idempotency.execute(job, async () => 1)).toMatchObject({ outcome: 'executed' })
    expect(events.map((event) => event.type)).toEqual([
      'claimed',
      'released',
      'claimed',
      'completed',
    ])
  })

  it('IDEM-06 blocks work that throws after its commit point', async () => {
    const { idempotency } = setUpExecution({ commitPoint: 'explicit' })
    const work = idempotency.execute(job, async (context) => {
      await context.commitPoint()
      throw new Error('half done')
    })
    await expect(work).rejects.toThrow('half done')
    expect(await idempotency.execute(job, async () => 1)).toEqual({
      outcome: 'indeterminate',
      reason: 'failed',
    })
  })

  it.each([
    ['release', 'executed'],
    ['indeterminate', 'indeterminate'],
    ['store', 'replayed'],
  ] as const)('ends as the work says: %s', async (ending, next) => {
    const { idempotency } = setUpExecution()
    const work = async (context: { setOutcome(o: typeof ending): void }) =>
      context.setOutcome(ending)
    await idempotency.execute(job, work)
    expect(await idempotency.execute(job, work)).toMatchObject({ outcome: next })
  })

  it('IDEM-19 keeps work with a value that is too large, or that JSON cannot carry, from running again', async () => {
    const { idempotency } = setUpExecution({ resultMaxBytes: 100 })
    expect(await idempotency.execute(job, async () => 'x'.repeat(99))).toMatchObject({
      outcome: 'executed',
    })
    const again = async () => expect.unreachable()
    expect(await idempotency.execute(job, again)).toEqual({ outcome: 'replayed', omitted: true })
    const other = { ...job, key: 'job-2' }
    expect(await idempotency.execute(other, async () => 10n)).toMatchObject({ value: 10n })
    expect(await idempotency.execute(other, again)).toEqual({ outcome: 'replayed', omitted: true })
  })

  it('IDEM-28 keeps scopes apart, and accepts a scope given directly', async () => {
    const { idempotency } = setUpExecution()
    const work = async () => 'done'
    expect(await idempotency.execute(job, work)).toMatchObject({ outcome: 'executed' })
    const other = { ...job, request: { tenant: 't2' } }
    expect(await idempotency.execute(other, work)).toMatchObject({ outcome: 'executed' })
    const direct = { name: 'settle', key: 'job-1', scope: 't1', payload: { amount: 5 } }
    expect(await idempotency.execute(direct, work)).toMatchObject({ outcome: 'replayed' })
  })

  it('IDEM-29 fails closed without a scope', async () => {
    const { idempotency } = setUpExecution()
    const run = idempotency.execute({ name: 'settle', key: 'k' }, async () => expect.unreachable())
    await expect(run).rejects.toMatchObject({ code: 'IDEMPOTENCY_SCOPE_MISSING' })
  })

  it('IDEM-32 cannot be led into another scope by delimiters', async () => {
    const { idempotency } = setUpExecution()
    const run = (scope: string, name: string, key: string) =>
      idempotency.execute({ scope, name, key }, async () => `${scope}|${name}|${key}`)
    for (const [scope, name, key] of [
      ['a', 'b', 'cd'],
      ['a', 'bc', 'd'],
      ['ab', 'c', 'd'],
      ['a\u0000b', 'c', 'd'],
    ] as const) {
      expect(await run(scope, name, key)).toMatchObject({ outcome: 'executed' })
    }
  })

  it('IDEM-32 refuses keys outside the policy', async () => {
    const { idempotency } = setUpExecution({ key: { minLength: 4 } })
    for (const key of ['', 'abc', 'k'.repeat(256)]) {
      const run = idempotency.execute({ ...job, key }, async () => expect.unreachable())
      await expect(run).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_INVALID' })
    }
  })

  it('forgets the value when the retention is over', async () => {
    const { idempotency, time } = setUpExecution({ retentionMs: 5_000 })
    await idempotency.execute(job, async () => 1)
    time.nowMs += 4_999
    expect(await idempotency.execute(job, async () => 2)).toMatchObject({ value: 1 })
    time.nowMs += 1
    expect(await idempotency.execute(job, async () => 2)).toMatchObject({ value: 2 })
  })

  it('keeps a lapsed claim known for the grace, then forgets it', async () => {
    const { idempotency, time } = setUpExecution({ leaseMs: 1_000, graceMs: 10_000 })
    const decision = await idempotency.begin(job)
    if (decision.decision !== 'execute') throw new Error(decision.decision)
    decision.claim.stop()
    time.nowMs += 1_000
    expect(await idempotency.begin(job)).toEqual({ decision: 'indeterminate', reason: 'lapsed' })
    time.nowMs += 10_000
    const fresh = await idempotency.begin(job)
    if (fresh.decision !== 'execute') throw new Error(fresh.decision)
    await fresh.claim.release()
  })

  it('takes overrides for one call', async () => {
    const { idempotency } = setUpExecution()
    const overrides = { commitPoint: 'explicit' } as const
    const failing = () => Promise.reject(new Error('no'))
    await expect(idempotency.execute(job, failing, overrides)).rejects.toThrow('no')
    expect(await idempotency.execute(job, async () => 1, overrides)).toMatchObject({
      outcome: 'executed',
    })
  })

  it('IDEM-13 says unavailable, or goes on unprotected, when the store fails', async () => {
    const broken = { ...memoryStore(), claim: () => Promise.reject(new Error('gone')) }
    const closed = setUpExecution({ store: broken as never })
    const outcome = await closed.idempotency.execute(job, async () => expect.unreachable())
    expect(outcome).toMatchObject({ outcome: 'unavailable' })
    expect(closed.events).toMatchObject([{ type: 'store_failed', degraded: false }])
    const open = setUpExecution({ store: broken as never, onStoreFailure: 'open' })
    const executed = await open.idempotency.execute(job, async (context) => context.degraded)
    expect(executed).toMatchObject({ outcome: 'executed', value: true })
  })

  it('is not disturbed by an observer that throws', async () => {
    const warnings: string[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', onWarning)
    const { idempotency } = setUpExecution({
      onEvent: () => {
        throw new Error('broken observer')
      },
    })
    expect(await idempotency.execute(job, async () => 1)).toMatchObject({ value: 1 })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', onWarning)
    expect(warnings).toContain('broken observer')
  })

  it.each([
    ['a policy of another name', { onStoreFailure: 'opened' }, "must be 'closed' or 'open'"],
    ['another commit point', { commitPoint: 'end' }, "must be 'start' or 'explicit'"],
    ['no store', { store: undefined }, 'store must be'],
  ])('refuses %s at once', (_, options, text) => {
    const make = () => setUpExecution(options as Partial<IdempotencyOptions<Job>>)
    expect(make).toThrow(expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' }))
    expect(make).toThrow(text)
  })

  it('says nothing about keys, scopes or bodies in its events', async () => {
    const { idempotency, events } = setUpExecution()
    const secret = { ...job, key: 'secret-key', request: { tenant: 'secret-tenant' } }
    await idempotency.execute(
      { ...secret, payload: { iban: 'secret-iban' } },
      async () => 'secret-value',
    )
    expect(JSON.stringify(events)).not.toContain('secret')
  })
})

describe('options', () => {
  it.each([
    [{ leaseMs: 29 }],
    [{ leaseMs: 1.5 }],
    [{ leaseMs: Number.NaN }],
    [{ retentionMs: 31 * 86_400_000 }],
    [{ graceMs: 0 }],
    [{ executionMaxMs: 0 }],
    [{ resultMaxBytes: -1 }],
    [{ payloadMaxBytes: 1 }],
    [{ key: { maxLength: 256 } }],
    [{ key: { minLength: 9, maxLength: 8 } }],
    [{ scope: undefined as never }],
  ])('refuses %j', (options) => {
    const refusal = expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
    expect(() => setUpExecution(options)).toThrow(refusal)
  })

  it('IDEM-29 has no scope of its own: leaving it out neither compiles nor starts', () => {
    const refusal = expect.objectContaining({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
    // @ts-expect-error -- scope has no default
    expect(() => createIdempotency({ store: memoryStore() })).toThrow(refusal)
  })

  it('keeps defaults where a value is undefined', () => {
    expect(setUpExecution({ leaseMs: undefined as never }).idempotency.policy.leaseMs).toBe(15_000)
  })
})

describe('IdempotencyError', () => {
  it('is recognised across duplicate installations, and nothing else is', () => {
    const error = new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', 'gone')
    const foreign = { [Symbol.for('@payflow/idempotency.error')]: true }
    expect([error, foreign, new Error('x'), null, 'x'].map((e) => IdempotencyError.is(e))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
    expect(error.retryable).toBe(true)
  })
})
