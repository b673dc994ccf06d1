// Real processes, killed with SIGKILL or frozen at the named points of the job, and processes whose
// clocks are wrong. Afterwards each payment has ended once, consistently with the fence.
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, spawnChild, waitFor } from '@payflow/testkit'
import type { Child } from '@payflow/testkit'
import { createReversal } from '../src/index.ts'
import type { ProbePoint, RunResult } from '../src/index.ts'
import {
  addPayments,
  effectsPerPayment,
  paymentOptions,
  statusOf,
  testDatabase,
} from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let db: Kysely<PaymentsDatabase>

beforeAll(async () => {
  database = await createTestDatabase(testDatabase)
  db = database.db as Kysely<PaymentsDatabase>
})
afterAll(() => database.dispose())
beforeEach(async () => {
  await sql`truncate payments, fence, effect`.execute(db)
})

const startJob = (env: Record<string, string> = {}): Promise<Child> =>
  spawnChild(new URL('./support/reversal-child.ts', import.meta.url), {
    env: { DATABASE_URL: database.url, ...env },
  })

async function finish(job: Child): Promise<RunResult> {
  job.send({ type: 'start' })
  await job.exited
  return JSON.parse(job.stdout()) as RunResult
}

describe('a job killed in the middle', () => {
  const points: ProbePoint[] = [
    'reversal.scanned',
    'reversal.resolved',
    'reversal.recording',
    'reversal.recorded',
  ]
  it.each(points)('REV-08 loses and doubles nothing when it dies at %s', async (point) => {
    const ids = await addPayments(db, 12)
    const [posted = ''] = ids
    await db.insertInto('fence').values({ id: posted, state: 'posted' }).execute()
    const job = await startJob()
    await job.arm(point, 'kill', { skip: point === 'reversal.scanned' ? 1 : 6 })
    job.send({ type: 'start' })
    expect(await job.exited).toMatchObject({ signal: 'SIGKILL' })

    await finishWithAnother()
    await expectConsistent(ids, posted)
  })

  async function finishWithAnother(): Promise<void> {
    // The server needs a moment to notice that the dead job's connection is gone; until then the
    // row it was recording counts as held.
    const reversal = createReversal(paymentOptions(db))
    await waitFor(async () => {
      await reversal.run()
      return (await reversal.report()).pending === 0
    })
  }
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

  it('REV-03 holds up no other job while it is frozen inside its transaction', async () => {
    const ids = await addPayments(db, 3)
    const job = await startJob()
    await job.arm('reversal.recording', 'stop')
    job.send({ type: 'start' })
    await job.reached('reversal.recording')

    expect(await createReversal(paymentOptions(db)).run()).toMatchObject({ reversed: 2 })

    job.go('reversal.recording')
    await job.exited
    expect(JSON.parse(job.stdout())).toMatchObject({ reversed: 1, lost: 2 })
    await expectConsistent(ids)
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
