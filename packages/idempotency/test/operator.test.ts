// What operators do with records, and what keys that carry a time get once records are forgotten.
// Memory store with a clock of the test's own.
import { describe, expect, it } from 'vitest'
import { job, setUpExecution } from './support/execution.ts'

const never = async (): Promise<never> => expect.unreachable()
const day = 86_400_000

async function failedJob(set = setUpExecution()): Promise<typeof set & { readonly id: string }> {
  const failing = set.idempotency.execute(job, () => Promise.reject(new Error('cut off')))
  await expect(failing).rejects.toThrow('cut off')
  const { records } = await set.idempotency.listIndeterminate()
  return { ...set, id: records[0]!.id }
}

describe('operator calls', () => {
  it('list what is unknown, and resolve it for every later request', async () => {
    const { idempotency, events, id } = await failedJob()
    expect(await idempotency.inspect({ id })).toEqual(await idempotency.inspect(job))
    expect(await idempotency.resolve({ id }, { value: 'paid' })).toEqual({ outcome: 'done' })
    expect(await idempotency.execute(job, never)).toMatchObject({ value: 'paid' })
    expect((await idempotency.listIndeterminate()).records).toEqual([])
    expect(events.at(-2)).toEqual({ type: 'resolved', id, operation: '' })
  })

  it('forget what has not happened, so that the key executes again', async () => {
    const { idempotency, events, id } = await failedJob()
    const fence = (await idempotency.inspect(job))!.fence
    const moved = await idempotency.forget(job, { ifStanding: 'indeterminate', ifFence: fence - 1 })
    expect(moved).toEqual({ outcome: 'refused', standing: 'indeterminate', fence })
    const forgotten = idempotency.forget(job, { ifStanding: 'indeterminate', ifFence: fence })
    expect(await forgotten).toEqual({ outcome: 'done' })
    expect(events.at(-1)).toEqual({ type: 'forgotten', id, operation: 'settle' })
    expect(await idempotency.execute(job, async () => 'now')).toMatchObject({ value: 'now' })
  })

  it('say what is there instead of changing it', async () => {
    const { idempotency } = setUpExecution()
    expect(await idempotency.resolve(job, { value: 1 })).toEqual({ outcome: 'absent' })
    await idempotency.execute(job, async () => 'done')
    const refused = await idempotency.resolve(job, { value: 'other' })
    expect(refused).toMatchObject({ outcome: 'refused', standing: 'completed' })
    const stands = await idempotency.forget(job, { ifStanding: 'indeterminate' })
    expect(stands).toMatchObject({ outcome: 'refused', standing: 'completed' })
  })

  it.each([
    ['neither', {}],
    ['no JSON', { value: 1n }],
    ['a status that is none', { response: { status: 99 } }],
    ['a cookie', { response: { status: 201, headers: { 'Set-Cookie': 'a=b' } } }],
    ['a header with a line end', { response: { status: 201, headers: { location: 'a\r\nb' } } }],
    ['a body that is neither text nor bytes', { response: { status: 200, body: { a: 1 } } }],
    ['more than is stored', { value: 'x'.repeat(300_000) }],
  ])('IDEM-31 refuse a result with %s', async (_case, result) => {
    const { idempotency, id } = await failedJob()
    const resolved = idempotency.resolve({ id }, result as never)
    await expect(resolved).rejects.toMatchObject({ code: 'IDEMPOTENCY_RESULT_INVALID' })
    expect((await idempotency.inspect({ id }))?.standing).toBe('indeterminate')
  })

  it('never pass off the response of a route as the value of a job', async () => {
    const { idempotency, id } = await failedJob()
    await idempotency.resolve({ id }, { response: { status: 201, body: 'paid' } })
    const unreadable = { outcome: 'indeterminate', reason: 'unreadable' }
    expect(await idempotency.execute(job, never)).toEqual(unreadable)
  })

  it.each([0, 10_001, 1.5])('refuse scanCount %d', async (scanCount) => {
    const listing = setUpExecution().idempotency.listIndeterminate({ scanCount })
    await expect(listing).rejects.toMatchObject({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
  })
})

describe('a key that carries its time', () => {
  // Made at 1 000 000 ms after 1970, which is when the clock of these tests begins.
  const timed = { ...job, key: '0000000f-4240-7000-8000-000000000000' }

  it('IDEM-42 is refused once its record may have been forgotten, and replayed before', async () => {
    const { idempotency, time, events } = setUpExecution()
    await idempotency.execute(timed, async () => 'paid')
    time.nowMs += day - 1
    expect(await idempotency.execute(timed, never)).toMatchObject({ value: 'paid' })
    time.nowMs += 1_001
    expect(await idempotency.execute(timed, never)).toEqual({ outcome: 'expired' })
    expect(events.at(-1)).toMatchObject({ type: 'expired', operation: 'settle' })
  })

  it('IDEM-42 is replayed as long as its record is there, which may be later', async () => {
    const { idempotency, time } = setUpExecution()
    time.nowMs += day / 2
    await idempotency.execute(timed, async () => 'paid')
    time.nowMs += day - 1
    expect(await idempotency.execute(timed, never)).toMatchObject({ value: 'paid' })
  })

  it('IDEM-42 counts the shorter of retention and grace: either may forget it', async () => {
    const { idempotency, time } = setUpExecution({ graceMs: day / 2 })
    time.nowMs += day / 2
    expect(await idempotency.execute(timed, never)).toEqual({ outcome: 'expired' })
  })

  it('IDEM-42 is refused by the clock of the process where no store can be asked', async () => {
    const { idempotency } = setUpExecution({
      onStoreFailure: 'open',
      store: { claim: () => Promise.reject(new Error('down')) } as never,
    })
    expect(await idempotency.execute(timed, never)).toEqual({ outcome: 'expired' })
  })

  it('is taken for new with expiry off, as a key without a time always is', async () => {
    const { idempotency, time } = setUpExecution({ key: { expiry: 'off' } })
    time.nowMs += 2 * day
    expect(await idempotency.execute(timed, async () => 1)).toMatchObject({ outcome: 'executed' })
    expect(() => setUpExecution({ key: { expiry: 'never' as never } })).toThrow('expiry')
  })
})
