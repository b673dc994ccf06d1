// Goal: decision, status and hook are one transaction where ledger and table share a database.
// Method: the fence of the tests is written through the job's own transaction.
import { sql } from 'kysely'
import type { Kysely, Transaction } from 'kysely'
import { describe, expect, it } from 'vitest'
import { createReversal } from '../src/index.ts'
import type { ReversalEvent } from '../src/index.ts'
import {
  addPayments,
  effectsPerPayment,
  paymentOptionsInside,
  statusOf,
  voidOrPosted,
} from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'
import { usePayments } from './support/use-payments.ts'

let db: Kysely<PaymentsDatabase>

usePayments((payments) => ({ db } = payments))

const job = (overrides: Parameters<typeof paymentOptionsInside>[1] = {}) =>
  createReversal(paymentOptionsInside(db, overrides))

async function fences(): Promise<number> {
  const { rows } = await sql<{ n: string }>`select count(*) as n from fence`.execute(db)
  return Number(rows[0]?.n)
}

describe('resolveInTransaction', () => {
  it('REV-02 commits decision, status and what the hook writes together', async () => {
    const [posted = '', open = ''] = await addPayments(db, 2)
    await db.insertInto('fence').values({ id: posted, state: 'posted' }).execute()
    expect(await job().run()).toMatchObject({ completed: 1, reversed: 1 })
    expect(await statusOf(db, posted)).toBe('COMPLETED')
    expect(await statusOf(db, open)).toBe('FAILED')
    expect(await fences()).toBe(2)
  })

  it.each([
    ['the hook fails', { onResolved: () => Promise.reject(new Error('no')) }, 'failed'],
    [
      'the hook swallows the error of a statement',
      { onResolved: (trx: any) => sql`select 1 / 0`.execute(trx).catch(() => {}) as never },
      'failed',
    ],
    [
      'the decision comes to nothing',
      {
        resolveInTransaction: async (trx: any, row: any) => {
          await voidOrPosted(trx, row.id)
          return 'not_yet' as const
        },
      },
      'notYet',
    ],
    [
      'the decision throws',
      {
        resolveInTransaction: async (trx: any, row: any) => {
          await voidOrPosted(trx, row.id)
          throw new Error('no')
        },
      },
      'failed',
    ],
    [
      'the decision changes the status itself',
      {
        resolveInTransaction: async (trx: any, row: any) => {
          await sql`update payments set status = 'COMPLETED' where id = ${row.id}`.execute(trx)
          return 'reversed' as const
        },
      },
      'failed',
    ],
  ])('REV-02 leaves no trace of a decision when %s', async (_, overrides, count) => {
    const [id = ''] = await addPayments(db, 1)
    expect(await job(overrides).run()).toMatchObject({ scanned: 1, [count]: 1 })
    expect(await statusOf(db, id)).toBe('PENDING')
    expect(await fences()).toBe(0)
    expect((await effectsPerPayment(db)).size).toBe(0)
  })

  it('REV-03 passes over a row that a worker holds, and asks nobody about it', async () => {
    const [held = '', free = ''] = await addPayments(db, 2)
    const asked: string[] = []
    const events: ReversalEvent[] = []
    const reversal = job({
      probe: async (name) => {
        // Between the scan and the lock of the first row.
        if (name === 'reversal.scanned' && asked.length === 0) locked ??= await lock(held)
      },
      resolveInTransaction: (trx, row) => {
        asked.push(row.id)
        return voidOrPosted(trx, row.id)
      },
      onEvent: (event) => void events.push(event),
    })
    let locked: (() => Promise<void>) | undefined
    const result = await reversal.run()
    await locked?.()
    expect(result).toMatchObject({ reversed: 1, lost: 1 })
    expect(asked).toEqual([free])
    expect(events).toContainEqual({
      type: 'row_lost',
      id: held,
      reason: 'undispatched',
      outcome: undefined,
    })
  })

  it('REV-13 finds a row no longer stale whose message was confirmed after the scan', async () => {
    const [id = ''] = await addPayments(db, 1)
    let begun = false
    const reversal = job({
      probe: async (name) => {
        if (name !== 'reversal.scanned' || begun) return
        begun = true
        await sql`update payments set dispatched_at = now()`.execute(db)
      },
    })
    expect(await reversal.run()).toMatchObject({ scanned: 1, lost: 1 })
    expect(await statusOf(db, id)).toBe('PENDING')
  })

  it('REV-09 settles each row once when several jobs run at the same time', async () => {
    const ids = await addPayments(db, 120)
    const jobs = Array.from({ length: 4 }, () => job({ batchSize: 20, concurrency: 2 }))
    const results = await Promise.all(jobs.map((each) => each.run()))
    const last = await job().run()
    const settled = [...results, last].reduce((sum, result) => sum + result.reversed, 0)
    expect(settled).toBe(ids.length)
    const effects = await effectsPerPayment(db)
    expect(ids.every((id) => effects.get(id) === 1)).toBe(true)
  })

  it.each([
    ['a decision past its deadline', 'resolveInTransaction', false],
    ['a decision that has failed', 'resolveInTransaction', true],
    ['a hook past its deadline', 'onResolved', false],
    ['a hook that has failed', 'onResolved', true],
  ] as const)('REV-02 commits nothing that is still sent by %s', async (_, name, fails) => {
    const [id = ''] = await addPayments(db, 1)
    const events: ReversalEvent[] = []
    // Statements that stand in line behind one which ends when the transaction is given up.
    const work = async (trx: Transaction<PaymentsDatabase>) => {
      const add = () => trx.insertInto('effect').values({ payment_id: id, outcome: 'late' })
      const slow = sql`select pg_sleep(0.4), 1 / ${fails ? 0 : 1}::int`.execute(trx)
      const line = Promise.allSettled([slow, ...[1, 2, 3].map(() => add().execute())])
      if (fails) await slow
      await line
      for (;;) await add().execute()
    }
    const result = await job({
      [name]: work,
      resolveTimeoutMs: 200,
      onEvent: (event) => void events.push(event),
    }).run()
    expect(result).toMatchObject({ failed: 1 })
    const code = fails ? '22012' : 'REVERSAL_RESOLVE_TIMEOUT'
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'row_failed', error: expect.objectContaining({ code }) }),
    )
    expect((await effectsPerPayment(db)).size).toBe(0)
    expect(await statusOf(db, id)).toBe('PENDING')
  })

  it('gives up a decision that waits too long, on the server as well', async () => {
    const [id = ''] = await addPayments(db, 1)
    const release = await lock(id, 'fence')
    const errors: unknown[] = []
    const result = await job({
      resolveTimeoutMs: 200,
      onEvent: (event) => event.type === 'row_failed' && errors.push(event.error),
    }).run()
    await release()
    expect(result).toMatchObject({ failed: 1 })
    const { rows } = await sql`select 1 from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend'
        and state <> 'idle' and pid <> pg_backend_pid()`.execute(db)
    expect(rows).toEqual([])
    expect(errors).toHaveLength(1)
    expect(await statusOf(db, id)).toBe('PENDING')
  })
})

/** Another transaction holds a row, or is about to have written it; the answer lets go. */
async function lock(id: string, table: 'payments' | 'fence' = 'payments') {
  const held = Promise.withResolvers<void>()
  const over = Promise.withResolvers<void>()
  const work = db.transaction().execute(async (trx) => {
    if (table === 'payments') {
      await sql`select 1 from payments where id = ${id} for update`.execute(trx)
    } else {
      await trx.insertInto('fence').values({ id, state: 'posted' }).execute()
    }
    held.resolve()
    await over.promise
    throw new Error('roll back')
  })
  await held.promise
  return async () => {
    over.resolve()
    await work.catch(() => {})
  }
}
