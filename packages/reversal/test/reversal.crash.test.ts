// Real processes, killed with SIGKILL or frozen at the named points of the job, and processes whose
// clocks are wrong. Afterwards each payment has ended once, consistently with the fence.
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { spawnChild, waitFor } from '@payflow/testkit'
import type { Child } from '@payflow/testkit'
import { createReversal, migrateReversal } from '../src/index.ts'
import type { ProbePoint, RunResult } from '../src/index.ts'
import {
  addPayments,
  effectsPerPayment,
  paymentOptions,
  paymentOptionsInside,
  statusOf,
} from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'
import { usePayments } from './support/use-payments.ts'

let db: Kysely<PaymentsDatabase>
let url: string

usePayments((payments) => ({ db, url } = payments))

const startJob = (env: Record<string, string> = {}): Promise<Child> =>
  spawnChild(new URL('./support/reversal-child.ts', import.meta.url), {
    env: { DATABASE_URL: url, ...env },
  })

async function finish(job: Child): Promise<RunResult> {
  job.send({ type: 'start' })
  await job.exited
  return JSON.parse(job.stdout()) as RunResult
}

const modes = ['outside', 'inside'] as const
type Mode = (typeof modes)[number]
const optionsOf = (mode: Mode) =>
  mode === 'inside' ? paymentOptionsInside(db) : paymentOptions(db)

describe('a job killed in the middle', () => {
  const points: [Mode, ProbePoint][] = [
    ['outside', 'reversal.scanned'],
    ['outside', 'reversal.resolved'],
    ['outside', 'reversal.recording'],
    ['outside', 'reversal.recorded'],
    ['inside', 'reversal.scanned'],
    ['inside', 'reversal.locked'],
    ['inside', 'reversal.resolved'],
    ['inside', 'reversal.recording'],
    ['inside', 'reversal.recorded'],
  ]
  it.each(points)('REV-08 deciding %s, loses and doubles nothing at %s', async (mode, point) => {
    const ids = await addPayments(db, 12)
    const [posted = ''] = ids
    await db.insertInto('fence').values({ id: posted, state: 'posted' }).execute()
    const job = await startJob({ DECIDE: mode })
    await job.arm(point, 'kill', { skip: point === 'reversal.scanned' ? 1 : 6 })
    job.send({ type: 'start' })
    expect(await job.exited).toMatchObject({ signal: 'SIGKILL' })

    await finishWithAnother(mode)
    await expectConsistent(ids, posted)
  })

  async function finishWithAnother(mode: Mode): Promise<void> {
    // The server needs a moment to notice that the dead job's connection is gone; until then the
    // row it was recording counts as held.
    const reversal = createReversal(optionsOf(mode))
    await waitFor(async () => {
      await reversal.run()
      return (await reversal.report()).pending === 0
    })
  }
})

describe('the logbook of a job killed in the middle', () => {
  it('REV-08 lacks the batch it was killed in, and says that no run has ended', async () => {
    await migrateReversal(db)
    const ids = await addPayments(db, 12)
    const job = await startJob({ LOGBOOK: 'kept' })
    await job.arm('reversal.recorded', 'kill', { skip: 7 })
    job.send({ type: 'start' })
    expect(await job.exited).toMatchObject({ signal: 'SIGKILL' })
    const next = createReversal(paymentOptions(db, { logbook: {} }))
    expect((await next.metrics()).logbook).toMatchObject({
      runs: 1,
      reversed: 5,
      lastMassReversalMsAgo: expect.any(Number),
      lastEndedBy: undefined,
      lastSuccessAt: undefined,
    })
    expect(await next.run()).toMatchObject({ reversed: ids.length - 8 })
    expect((await next.metrics()).logbook).toMatchObject({
      runs: 2,
      reversed: ids.length - 3,
      lastEndedBy: 'done',
    })
  })
})

describe('a job frozen in the middle', () => {
  it('REV-09 records nothing when another job settled the row meanwhile', async () => {
    const ids = await addPayments(db, 3)
    const job = await startJob()
    await job.arm('reversal.resolved', 'stop')
    job.send({ type: 'start' })
    await job.reached('reversal.resolved')

    expect(await createReversal(paymentOptions(db)).run()).toMatchObject({ reversed: 3 })

    job.go('reversal.resolved')
    await job.exited
    expect(JSON.parse(job.stdout())).toMatchObject({ lost: 3, reversed: 0, failed: 0 })
    await expectConsistent(ids)
  })

  it.each(modes)('REV-03 deciding %s, holds up no other in its transaction', async (mode) => {
    const ids = await addPayments(db, 3)
    // The deadline of its transaction is far away.
    const job = await startJob({ DECIDE: mode, RESOLVE_TIMEOUT_MS: '120000' })
    await job.arm('reversal.recording', 'stop')
    job.send({ type: 'start' })
    await job.reached('reversal.recording')

    expect(await createReversal(optionsOf(mode)).run()).toMatchObject({ reversed: 2 })

    job.go('reversal.recording')
    await job.exited
    expect(JSON.parse(job.stdout())).toMatchObject({ reversed: 1, lost: 2 })
    await expectConsistent(ids)
  })
})

describe('a job frozen past its deadline', () => {
  it.each(modes)('REV-09 deciding %s, loses its lock, and comes back to nothing', async (mode) => {
    const ids = await addPayments(db, 3)
    const job = await startJob({ DECIDE: mode, RESOLVE_TIMEOUT_MS: '5000' })
    await job.arm('reversal.recording', 'stop')
    job.send({ type: 'start' })
    await job.reached('reversal.recording')
    process.kill(job.pid, 'SIGSTOP')

    // The server ends the transaction; until then the row counts as held, and is passed over.
    const other = createReversal(optionsOf(mode))
    await waitFor(
      async () => {
        await other.run()
        return (await other.report()).pending === 0
      },
      { timeoutMs: 60_000 },
    )

    process.kill(job.pid, 'SIGCONT')
    job.go('reversal.recording')
    await job.exited
    expect(JSON.parse(job.stdout())).toMatchObject({ reversed: 0, failed: 1, lost: 2 })
    await expectConsistent(ids)
  })
})

describe('two jobs whose clocks are ten minutes apart', () => {
  it.each(modes)('REV-05 deciding %s, agree with the database and each other', async (mode) => {
    const fresh = await addPayments(db, 3, { createdMsAgo: 20_000 })
    const times = { createdMsAgo: 700_000, dispatchedMsAgo: 650_000 }
    const backlog = await addPayments(db, 3, times)
    const stale = await addPayments(db, 12, { createdMsAgo: 61_000 })
    const jobs = await Promise.all(
      [-300_000, 300_000].map((skewMs) => startJob({ DECIDE: mode, CLOCK_SKEW_MS: `${skewMs}` })),
    )
    const results = await Promise.all(jobs.map(finish))
    expect(results.map(({ failed }) => failed)).toEqual([0, 0])
    // What one passed over because the other held it.
    await createReversal(optionsOf(mode)).run()
    await expectConsistent(stale)
    for (const id of [...fresh, ...backlog]) expect(await statusOf(db, id)).toBe('PENDING')
  })
})

describe('a job whose clock is wrong', () => {
  it.each([
    ['an hour fast', 3_600_000],
    ['ten minutes slow', -600_000],
  ])('REV-05 reverses what the database calls stale, nothing else: %s', async (_, skewMs) => {
    const [fresh = ''] = await addPayments(db, 1, { createdMsAgo: 10_000 })
    const [backlog = ''] = await addPayments(db, 1, {
      createdMsAgo: 600_000,
      dispatchedMsAgo: 590_000,
    })
    const [stale = ''] = await addPayments(db, 1, { createdMsAgo: 61_000 })
    const result = await finish(await startJob({ CLOCK_SKEW_MS: `${skewMs}` }))
    expect(result).toMatchObject({ scanned: 1, reversed: 1 })
    expect(await statusOf(db, fresh)).toBe('PENDING')
    expect(await statusOf(db, backlog)).toBe('PENDING')
    expect(await statusOf(db, stale)).toBe('FAILED')
  })
})

async function expectConsistent(ids: readonly string[], posted?: string): Promise<void> {
  const effects = await effectsPerPayment(db)
  for (const id of ids) {
    const status = id === posted ? 'COMPLETED' : 'FAILED'
    expect({ id, status: await statusOf(db, id), effects: effects.get(id) }).toEqual({
      id,
      status,
      effects: 1,
    })
  }
  expect(effects.size).toBe(ids.length)
}
