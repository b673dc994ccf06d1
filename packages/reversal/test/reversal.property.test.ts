// Any mixture of rows, leashes, batch sizes and jobs at once ends as a model of ten lines says it
// must. The seed is printed by the test kit; TEST_SEED replays it.
import fc from 'fast-check'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createReversal } from '../src/index.ts'
import {
  addPayments,
  effectsPerPayment,
  paymentOptions,
  statusOf,
  voidOrPosted,
} from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'
import { usePayments } from './support/use-payments.ts'

let db: Kysely<PaymentsDatabase>

usePayments((payments) => ({ db } = payments), { emptied: false })

const minute = 60_000
const dispatchTimeoutMs = 5 * minute
const processingTimeoutMs = 20 * minute
// Half a minute off every whole one, so that no row crosses its leash while the test runs.
const age = fc.integer({ min: 0, max: 40 }).map((minutes) => minutes * minute + minute / 2)

const paymentArbitrary = fc.record({
  createdMsAgo: age,
  dispatchedMsAgo: fc.option(age, { nil: undefined }),
  /** The money had moved, but nobody wrote it down. */
  posted: fc.boolean(),
  /** A worker writes it down while the job asks. */
  workerIsFaster: fc.boolean(),
})
type PaymentCase = typeof paymentArbitrary extends fc.Arbitrary<infer T> ? T : never

const jobArbitrary = fc.record({
  batchSize: fc.integer({ min: 1, max: 6 }),
  concurrency: fc.integer({ min: 1, max: 3 }),
})

function expected({ createdMsAgo, dispatchedMsAgo, posted, workerIsFaster }: PaymentCase) {
  const stale =
    dispatchedMsAgo === undefined
      ? createdMsAgo > dispatchTimeoutMs
      : dispatchedMsAgo > processingTimeoutMs
  if (!stale) return { status: 'PENDING', hooks: 0 }
  const byWorker = posted && workerIsFaster
  return { status: posted ? 'COMPLETED' : 'FAILED', hooks: byWorker ? 0 : 1 }
}

describe('the job', () => {
  it('REV-01 REV-09 ends each stale row once and no other, whatever the mixture', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(paymentArbitrary, { minLength: 1, maxLength: 12 }),
        fc.array(jobArbitrary, { minLength: 1, maxLength: 3 }),
        async (payments, jobs) => {
          await sql`truncate payments, fence, effect`.execute(db)
          const cases = new Map<string, PaymentCase>()
          for (const payment of payments) cases.set(await write(payment), payment)
          const runs = jobs.map((job) =>
            createReversal(
              paymentOptions(db, {
                ...job,
                dispatchTimeoutMs,
                processingTimeoutMs,
                resolve: async (row) => {
                  const answer = await voidOrPosted(db, row.id)
                  if (answer === 'completed' && cases.get(row.id)?.workerIsFaster === true) {
                    await workerRecords(row.id)
                  }
                  return answer
                },
              }),
            ),
          )
          await Promise.all(runs.map((run) => run.run()))
          // What two jobs skipped for each other's sake is left to the next run.
          await runs[0]?.run()
          const hooks = await effectsPerPayment(db)
          for (const [id, payment] of cases) {
            const seen = { status: await statusOf(db, id), hooks: hooks.get(id) ?? 0 }
            expect(seen).toEqual(expected(payment))
          }
        },
      ),
      { numRuns: 40 },
    )
  })
})

async function write({ posted, ...times }: PaymentCase): Promise<string> {
  const { createdMsAgo, dispatchedMsAgo } = times
  const [id = ''] = await addPayments(db, 1, {
    createdMsAgo,
    ...(dispatchedMsAgo !== undefined && { dispatchedMsAgo }),
  })
  if (posted) await db.insertInto('fence').values({ id, state: 'posted' }).execute()
  return id
}

async function workerRecords(id: string): Promise<void> {
  await db
    .updateTable('payments')
    .set({ status: 'COMPLETED' })
    .where('id', '=', id)
    .where('status', '=', 'PENDING')
    .execute()
}
