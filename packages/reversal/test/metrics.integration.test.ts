// Goal: a service that never ran the job knows how it is doing, from the database alone.
// Method: runs of one job, looks by another, a logbook in a schema of its own.
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, waitFor } from '@payflow/testkit'
import { createReversal, migrateReversal, ReversalError } from '../src/index.ts'
import { addPayments, migratePayments, paymentOptions } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let db: Kysely<PaymentsDatabase>

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: async (empty) => {
      await migratePayments(empty)
      await migrateReversal(empty)
    },
    cacheKey: 'reversal-payments-and-logbook-2',
  })
  db = database.db as Kysely<PaymentsDatabase>
})
afterAll(() => database.dispose())
beforeEach(async () => {
  await sql`truncate payments, fence, effect, reversal.job`.execute(db)
})

const job = (overrides: object = {}) =>
  createReversal(paymentOptions(db, { logbook: {}, ...overrides }))
const settle = (count: number) => addPayments(db, count, { status: 'COMPLETED' })

describe('metrics', () => {
  it('tells what is pending and for how long, without a logbook', async () => {
    await addPayments(db, 2)
    await addPayments(db, 1, { createdMsAgo: 1_000_000, dispatchedMsAgo: 950_000 })
    await addPayments(db, 4, { createdMsAgo: 1_000 })
    const metrics = await createReversal(paymentOptions(db)).metrics()
    expect(metrics).toMatchObject({
      table: 'payments',
      pending: 7,
      undispatched: { count: 2 },
      unprocessed: { count: 1 },
      massReversal: { created: 7, stale: 3, causes: [] },
      logbook: undefined,
    })
    expect(metrics.oldestPendingMs).toBeGreaterThanOrEqual(1_000_000)
  })

  it('adds up what the runs of several processes did', async () => {
    expect((await job().metrics()).logbook).toMatchObject({ runs: 0, lastEndedBy: undefined })
    await settle(50)
    const [posted = ''] = await addPayments(db, 3)
    await db.insertInto('fence').values({ id: posted, state: 'posted' }).execute()
    await job().run()
    await addPayments(db, 2)
    await job({ resolve: async () => 'not_yet' }).run()
    await job().run()
    const { logbook } = await job().metrics()
    expect(logbook).toMatchObject({
      runs: 3,
      reversed: 4,
      completed: 1,
      notYet: 2,
      failed: 0,
      paused: 0,
      lastEndedBy: 'done',
      lastMassReversalMsAgo: undefined,
    })
    expect(logbook?.lastSuccessAt).toBeInstanceOf(Date)
    const { rows } = await sql`select name from reversal.job`.execute(db)
    expect(rows).toEqual([{ name: 'payments' }])
  })

  it('calls no run a success that failed at a row, was paused, or did not come to its end', async () => {
    await settle(100)
    await addPayments(db, 3)
    const failing = async () => {
      throw new Error('no answer')
    }
    await job({ resolve: failing }).run()
    expect((await job().metrics()).logbook).toMatchObject({ failed: 3, lastSuccessAt: undefined })
    await job({ maxPerRun: 1 }).run()
    expect((await job().metrics()).logbook).toMatchObject({
      lastEndedBy: 'max_per_run',
      lastSuccessAt: undefined,
    })
    await addPayments(db, 60)
    await job({ onMassReversal: 'pause' }).run()
    const { logbook } = await job().metrics()
    expect(logbook).toMatchObject({ lastEndedBy: 'paused', paused: 1, lastSuccessAt: undefined })
    expect(logbook?.lastMassReversalMsAgo).toBeGreaterThanOrEqual(0)
  })

  it('keeps jobs of other names apart, and those of one name together', async () => {
    await settle(50)
    await addPayments(db, 2)
    await job({ logbook: { job: 'a' } }).run()
    expect((await job({ logbook: { job: 'a' } }).metrics()).logbook).toMatchObject({ reversed: 2 })
    expect((await job({ logbook: { job: 'b' } }).metrics()).logbook).toMatchObject({ runs: 0 })
  })

  it('says that the logbook has no table', async () => {
    const lost = job({ logbook: { schema: 'elsewhere' } })
    for (const work of [() => lost.run(), () => lost.metrics(), () => lost.health()]) {
      const error = await work().catch((reason: unknown) => reason)
      expect(ReversalError.is(error)).toBe(true)
      expect(error).toMatchObject({ code: 'REVERSAL_NOT_MIGRATED', retryable: false })
    }
  })

  it('can be migrated from several processes at once, and again', async () => {
    await Promise.all([1, 2, 3].map(() => migrateReversal(db, { schema: 'other' })))
    await migrateReversal(db, { schema: 'other' })
    await job({ logbook: { schema: 'other' } }).run()
    expect((await job({ logbook: { schema: 'other' } }).metrics()).logbook).toMatchObject({
      runs: 1,
    })
  })
})

describe('health', () => {
  it('is well after a run that found everything in order', async () => {
    await settle(5)
    await job().run()
    expect(await job().health()).toMatchObject({ healthy: true, problems: [] })
  })

  it('REV-11 names each thing that is wrong', async () => {
    expect((await job().health()).problems).toEqual(['not_running'])
    await addPayments(db, 6, { createdMsAgo: 400_000 })
    expect((await job().health()).problems).toEqual(['mass_reversal', 'not_running', 'overdue'])
    expect((await createReversal(paymentOptions(db)).health()).problems).toEqual([
      'mass_reversal',
      'overdue',
    ])
    await job({ onMassReversal: 'pause' }).run()
    expect((await job().health()).problems).toContain('paused')
    await settle(100)
    await job().run()
    expect((await job().health()).problems).toEqual([])
  })

  it('REV-11 names a job that has stopped being run', async () => {
    await job().run()
    expect((await job().health()).problems).toEqual([])
    const problems = await waitFor(async () => {
      const health = await job().health({ successWithinMs: 50 })
      return health.healthy ? undefined : health.problems
    })
    expect(problems).toEqual(['not_running'])
  })
})
