// Goal: a mass reversal is seen from the database alone, told in every way there is, and paused
// where asked. Method: outages as rows, jobs that know nothing of each other.
import { on } from 'node:events'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createReversal } from '../src/index.ts'
import type { ReversalEvent } from '../src/index.ts'
import { addPayments, paymentOptions, statusOf } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'
import { usePayments } from './support/use-payments.ts'

let db: Kysely<PaymentsDatabase>

usePayments((payments) => ({ db } = payments))

const completed = (count: number) => addPayments(db, count, { status: 'COMPLETED' })

describe('a mass reversal', () => {
  it('REV-11 is told before anything is decided, and in the result', async () => {
    await completed(30)
    await addPayments(db, 12)
    const events: ReversalEvent[] = []
    const onEvent = (event: ReversalEvent) => void events.push(event)
    const result = await createReversal(paymentOptions(db, { onEvent })).run()
    const massReversal = {
      action: 'proceed',
      causes: ['share'],
      created: 42,
      completed: 30,
      reversed: 0,
      stale: 12,
      share: 12 / 42,
      windowMs: 1_500_000,
    }
    expect(result).toMatchObject({ reversed: 12, endedBy: 'done', massReversal })
    expect(events[0]).toEqual({ type: 'mass_reversal', massReversal })
  })

  it('REV-11 is counted across runs that each reverse a little', async () => {
    await completed(30)
    const shares: (number | undefined)[] = []
    for (let minute = 0; minute < 4; minute += 1) {
      await addPayments(db, 4)
      const { massReversal } = await createReversal(paymentOptions(db)).run()
      shares.push(massReversal?.share)
    }
    expect(shares).toEqual([undefined, undefined, 12 / 42, 16 / 46])
  })

  it('REV-11 shows when everything is reversed quietly, at any rate of payments', async () => {
    const causes: unknown[] = []
    for (const hoursAgo of [200, 150, 100, 50, 1]) {
      await addPayments(db, 1, { createdMsAgo: hoursAgo * 3_600_000 })
      const { massReversal } = await createReversal(paymentOptions(db)).run()
      causes.push(massReversal?.causes)
    }
    expect(causes).toEqual([undefined, undefined, undefined, undefined, ['none_completed']])
  })

  it('REV-11 pauses where asked: nothing is decided, and the next run looks again', async () => {
    await completed(30)
    const ids = await addPayments(db, 12)
    const job = createReversal(paymentOptions(db, { onMassReversal: 'pause' }))
    const paused = await job.run()
    expect(paused).toMatchObject({ scanned: 0, endedBy: 'paused', massReversal: { stale: 12 } })
    const { rows } = await sql`select 1 from fence`.execute(db)
    expect(rows).toEqual([])
    expect(await statusOf(db, ids[0] ?? '')).toBe('PENDING')

    await completed(100)
    expect(await job.run()).toMatchObject({ reversed: 12, endedBy: 'done' })
  })

  it('REV-11 goes on when an operator, having looked, says so', async () => {
    await addPayments(db, 12)
    const job = createReversal(paymentOptions(db, { onMassReversal: 'pause' }))
    const result = await job.run({ onMassReversal: 'proceed' })
    expect(result).toMatchObject({ reversed: 12, massReversal: { action: 'proceed' } })
  })

  it('REV-11 does not count what a worker refused under the same status', async () => {
    await addPayments(db, 20, { status: 'FAILED' })
    await completed(10)
    await addPayments(db, 2)
    const run = (massReversal: object) =>
      createReversal(paymentOptions(db, { massReversal, resolve: async () => 'not_yet' })).run()
    expect((await run({})).massReversal?.causes).toEqual(['share'])
    const isReversed = (eb: any) => eb('failure_code', '=', 'reversed_timeout')
    expect((await run({ isReversed })).massReversal).toBeUndefined()
  })

  it.each(['payments', 'public.payments'])(
    'REV-11 is counted, before the window too, where isReversed names the column of %s',
    async (table) => {
      await addPayments(db, 4, { createdMsAgo: 7_200_000, status: 'FAILED' })
      await addPayments(db, 1)
      const run = (code: string) => {
        const isReversed = (eb: any) => eb(`${table}.failure_code`, '=', code)
        const massReversal = { isReversed, noneCompletedMin: 3 }
        const resolve = async () => 'not_yet' as const
        const options = { table: table as 'payments', massReversal, resolve }
        return createReversal(paymentOptions(db, options)).run()
      }
      expect((await run('other')).massReversal).toMatchObject({
        causes: ['none_completed'],
        created: 1,
        reversed: 0,
      })
      await addPayments(db, 2, { status: 'FAILED' })
      expect((await run('other')).massReversal).toMatchObject({ created: 3, reversed: 2 })
      expect((await run('reversed_timeout')).massReversal).toMatchObject({ reversed: 0 })
    },
  )

  it('REV-11 REV-12 leaves rows from before notBefore out of it', async () => {
    await addPayments(db, 50, { createdMsAgo: 7_200_000 })
    await addPayments(db, 20, { createdMsAgo: 600_000, status: 'FAILED' })
    await addPayments(db, 2)
    const notBefore = new Date(Date.now() - 300_000)
    const { massReversal } = await createReversal(paymentOptions(db, { notBefore })).run()
    expect(massReversal).toBeUndefined()
  })

  it('REV-13 is not an honest backlog of five hundred, nor one row stale before it', async () => {
    await addPayments(db, 500, { createdMsAgo: 600_000, dispatchedMsAgo: 590_000 })
    await addPayments(db, 1)
    expect((await createReversal(paymentOptions(db)).run()).massReversal).toBeUndefined()
  })

  it.each(['proceed', 'pause'] as const)(
    'REV-11 is assumed when the rows cannot be counted in time, and does not stop the work: %s',
    async (onMassReversal) => {
      await addPayments(db, 3)
      const massReversal = { isReversed: () => sql<boolean>`pg_sleep(30) is null` }
      await addPayments(db, 1, { status: 'FAILED' })
      const job = createReversal(
        paymentOptions(db, { onMassReversal, massReversal, timeBudgetMs: 4_000 }),
      )
      expect(await job.report()).toMatchObject({
        wouldPause: false,
        massReversal: { causes: ['uncounted'] },
      })
      expect(await job.run()).toMatchObject({
        reversed: 3,
        endedBy: 'done',
        massReversal: { action: 'proceed', causes: ['uncounted'] },
      })
    },
  )

  it('is a warning of the process when nobody observes', async () => {
    await addPayments(db, 5)
    const warnings = on(process, 'warning')
    await createReversal(paymentOptions(db, { onEvent: undefined })).run()
    // Others may warn as well: only the right one ends the wait.
    let message = ''
    while (!message.includes('met a mass reversal')) {
      message = String((await warnings.next()).value?.[0])
    }
    await warnings.return?.()
    expect(message).toContain('none_completed')
  })
})
