// Goal: a report tells what a run would do, row by row, and does none of it.
// Method: rows on both leashes; another job at work at the same time.
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createReversal } from '../src/index.ts'
import { addPayments, paymentOptions } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'
import { usePayments } from './support/use-payments.ts'

let db: Kysely<PaymentsDatabase>

usePayments((payments) => ({ db } = payments))

describe('report', () => {
  it('counts what is stale, by leash and with ages, and changes nothing', async () => {
    await addPayments(db, 3, { createdMsAgo: 120_000 })
    await addPayments(db, 2, { createdMsAgo: 1_000_000, dispatchedMsAgo: 950_000 })
    await addPayments(db, 4, { createdMsAgo: 1_000 })
    await addPayments(db, 1, { createdMsAgo: 5_000_000, status: 'COMPLETED' })
    const report = await createReversal(paymentOptions(db, { maxPerRun: 4 })).report()
    expect(report).toMatchObject({ table: 'payments', pending: 9, beyondMaxPerRun: true })
    expect(report.undispatched.count).toBe(3)
    expect(report.unprocessed.count).toBe(2)
    expect(report.undispatched.oldestMs).toBeGreaterThanOrEqual(120_000)
    expect(report.unprocessed.oldestMs).toBeGreaterThanOrEqual(950_000)
    expect(report.oldestPendingMs).toBeGreaterThanOrEqual(1_000_000)
    const { rows } = await sql`select 1 from payments where status = 'PENDING'`.execute(db)
    expect(rows).toHaveLength(9)
  })

  it('has no ages and no rows when nothing is pending', async () => {
    expect(await createReversal(paymentOptions(db)).report()).toMatchObject({
      pending: 0,
      oldestPendingMs: undefined,
      undispatched: { count: 0, oldestMs: undefined },
      rows: [],
      more: 0,
    })
  })

  it('lists rows in the order a run takes them, as many as asked for', async () => {
    const [first = ''] = await addPayments(db, 1, { createdMsAgo: 300_000 })
    const [second = ''] = await addPayments(db, 1, { createdMsAgo: 200_000 })
    const times = { createdMsAgo: 2_000_000, dispatchedMsAgo: 950_000 }
    const [third = ''] = await addPayments(db, 1, times)
    await addPayments(db, 2, { createdMsAgo: 1_000_000, dispatchedMsAgo: 940_000 })
    const { rows, more } = await createReversal(paymentOptions(db)).report({ limit: 3 })
    expect(rows).toMatchObject([
      { id: first, reason: 'undispatched', wouldBe: undefined },
      { id: second, reason: 'undispatched' },
      { id: third, reason: 'unprocessed' },
    ])
    expect(more).toBe(2)
    // Above what they were written with, by as much as this test has taken so far.
    expect(rows[0]?.overdueMs).toBeGreaterThanOrEqual(240_000)
    expect(rows[0]?.overdueMs).toBe((rows[0]?.ageMs ?? 0) - 60_000)
    expect(rows[2]?.ageMs).toBeGreaterThanOrEqual(2_000_000)
    expect(rows[2]?.overdueMs).toBeGreaterThanOrEqual(50_000)
    expect(await createReversal(paymentOptions(db)).report({ limit: 0 })).toMatchObject({
      rows: [],
      more: 5,
    })
  })

  it('tells how rows would end where it can look, and never asks for a decision', async () => {
    const [open = ''] = await addPayments(db, 1, { createdMsAgo: 300_000 })
    const [broken = ''] = await addPayments(db, 1, { createdMsAgo: 200_000 })
    const asked: string[] = []
    const report = await createReversal(
      paymentOptions(db, {
        resolve: async (row) => {
          asked.push(row.id)
          return 'reversed'
        },
        preview: async (row) => {
          if (row.id === broken) throw new Error('no answer')
          return 'reversed'
        },
      }),
    ).report()
    expect(report.rows).toMatchObject([
      { id: open, wouldBe: 'reversed' },
      { id: broken, wouldBe: 'unknown' },
    ])
    expect(asked).toEqual([])
  })

  it('REV-11 says that a run would be paused', async () => {
    await addPayments(db, 12)
    const report = await createReversal(paymentOptions(db, { onMassReversal: 'pause' })).report()
    expect(report).toMatchObject({
      wouldPause: true,
      massReversal: { causes: ['share', 'none_completed'] },
    })
    expect(await createReversal(paymentOptions(db)).report()).toMatchObject({ wouldPause: false })
  })

  it('waits for nobody, and takes no lock that a job at work would pass over', async () => {
    const [held = ''] = await addPayments(db, 1)
    const report = await db.transaction().execute(async (trx) => {
      await sql`select 1 from payments where id = ${held} for update`.execute(trx)
      return await createReversal(paymentOptions(db)).report()
    })
    expect(report.rows).toMatchObject([{ id: held }])
  })

  it.each([-1, 1.5, 1_001, Number.NaN])('refuses a limit of %s', async (limit) => {
    await expect(createReversal(paymentOptions(db)).report({ limit })).rejects.toMatchObject({
      code: 'REVERSAL_INVALID_OPTION',
    })
  })
})
