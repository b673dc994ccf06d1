// The job against a real PostgreSQL: what it settles, what it leaves alone, and what happens when
// another writer is there first. Rules are those of the stale-PENDING job, REV-nn.
import { on } from 'node:events'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { createReversal, migrateReversal, ReversalError } from '../src/index.ts'
import type { ReversalEvent, RunProgress, RunResult } from '../src/index.ts'
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

usePayments((payments) => ({ db } = payments))

describe('run', () => {
  it('REV-01 does nothing to a row that another writer settled after the scan', async () => {
    const [id = ''] = await addPayments(db, 1)
    const hooks: string[] = []
    const reversal = createReversal(
      paymentOptions(db, {
        resolve: async (row) => {
          // The worker commits while the job asks the ledger.
          await sql`update payments set status = 'COMPLETED' where id = ${row.id}`.execute(db)
          return 'reversed'
        },
        onResolved: async (_, row) => void hooks.push(row.id),
      }),
    )
    expect(await reversal.run()).toMatchObject({ scanned: 1, lost: 1, reversed: 0 })
    expect(await statusOf(db, id)).toBe('COMPLETED')
    expect(hooks).toEqual([])
  })

  it('REV-03 skips a row that a worker holds in mid-commit, and never waits for it', async () => {
    const [held = '', free = ''] = await addPayments(db, 2)
    const reversal = createReversal(paymentOptions(db))
    await whileLocked(held, async () => {
      expect(await reversal.run()).toMatchObject({ scanned: 1, reversed: 1 })
    })
    expect(await statusOf(db, held)).toBe('PENDING')
    expect(await statusOf(db, free)).toBe('FAILED')
    expect(await reversal.run()).toMatchObject({ scanned: 1, reversed: 1 })
  })

  it('REV-03 does not wait for a row that is locked between decision and record', async () => {
    const [id = ''] = await addPayments(db, 1)
    const decided = Promise.withResolvers<void>()
    const locked = Promise.withResolvers<void>()
    const reversal = createReversal(
      paymentOptions(db, {
        resolve: async (row) => {
          decided.resolve()
          await locked.promise
          return voidOrPosted(db, row.id)
        },
      }),
    )
    const running = reversal.run()
    await decided.promise
    await whileLocked(id, async () => {
      locked.resolve()
      expect(await running).toMatchObject({ scanned: 1, lost: 1 })
    })
    expect(await reversal.run()).toMatchObject({ reversed: 1 })
  })

  it('REV-06 completes a row whose transfer had been posted, and reverses no such row', async () => {
    const [posted = '', open = ''] = await addPayments(db, 2)
    await db.insertInto('fence').values({ id: posted, state: 'posted' }).execute()
    const result = await createReversal(paymentOptions(db)).run()
    expect(result).toMatchObject({ scanned: 2, completed: 1, reversed: 1 })
    expect(await statusOf(db, posted)).toBe('COMPLETED')
    expect(await statusOf(db, open)).toBe('FAILED')
  })

  it('REV-08 works through many rows in bounded batches, each row once', async () => {
    const ids = await addPayments(db, 230)
    const batches: number[] = []
    const reversal = createReversal(
      paymentOptions(db, {
        batchSize: 50,
        probe: (name, detail) => {
          if (name !== 'reversal.scanned') return
          const batch = detail as { reason: string; count: number }
          if (batch.reason === 'undispatched') batches.push(batch.count)
        },
      }),
    )
    expect(await reversal.run()).toMatchObject({ scanned: 230, reversed: 230, endedBy: 'done' })
    expect(batches).toEqual([50, 50, 50, 50, 30])
    await expectEachOnce(ids)
  })

  it('REV-08 passes rows it may not settle yet and reaches those behind them', async () => {
    // All created at the same microsecond: the order then rests on the id alone.
    const ids = await addPayments(db, 25)
    const asked: string[] = []
    const reversal = createReversal(
      paymentOptions(db, {
        batchSize: 10,
        resolve: async (row) => {
          asked.push(row.id)
          return 'not_yet'
        },
      }),
    )
    expect(await reversal.run()).toMatchObject({ scanned: 25, notYet: 25, endedBy: 'done' })
    expect(asked.toSorted()).toEqual(ids.toSorted())
  })

  it('REV-08 stops at its time budget and goes on in the next run', async () => {
    await addPayments(db, 20)
    const gate = Promise.withResolvers<void>()
    const reversal = createReversal(
      paymentOptions(db, {
        concurrency: 1,
        timeBudgetMs: 2_000,
        resolve: async (row) => {
          await gate.promise
          return voidOrPosted(db, row.id)
        },
      }),
    )
    const running = reversal.run()
    const startedAtMs = performance.now()
    await waitFor(() => performance.now() - startedAtMs > 2_000)
    gate.resolve()
    expect(await running).toMatchObject({ scanned: 1, reversed: 1, endedBy: 'time_budget' })
  })

  it('tells every two seconds how far it is', async () => {
    await addPayments(db, 3)
    const told = Promise.withResolvers<RunProgress>()
    const reversal = createReversal(
      paymentOptions(db, {
        concurrency: 1,
        resolve: async (row) => {
          await told.promise
          return await voidOrPosted(db, row.id)
        },
      }),
    )
    expect(await reversal.run({ onProgress: told.resolve })).toMatchObject({ reversed: 3 })
    const progress = await told.promise
    expect(progress).toMatchObject({ stale: 3, scanned: 0, settled: 0, failed: 0 })
    expect(progress.elapsedMs).toBeGreaterThanOrEqual(2_000)
  })

  it('REV-08 begins no row after its signal, and finishes the one it is at', async () => {
    await addPayments(db, 5)
    const controller = new AbortController()
    const reversal = createReversal(
      paymentOptions(db, {
        concurrency: 1,
        resolve: async (row) => {
          controller.abort()
          return voidOrPosted(db, row.id)
        },
      }),
    )
    const result = await reversal.run({ signal: controller.signal })
    expect(result).toMatchObject({ scanned: 1, reversed: 1, endedBy: 'signal' })
  })

  it('REV-09 settles each row once when several jobs run at the same time', async () => {
    const ids = await addPayments(db, 200)
    const jobs = Array.from({ length: 4 }, () =>
      createReversal(paymentOptions(db, { batchSize: 20, concurrency: 2 })),
    )
    const results = await Promise.all(jobs.map((job) => job.run()))
    // A row that one job holds while another scans is skipped by the latter, and nobody's fault;
    // what one pass of all four left is left for the next.
    const last = await createReversal(paymentOptions(db)).run()
    const settled = [...results, last].reduce((sum, result) => sum + result.reversed, 0)
    expect(settled).toBe(200)
    expect([...results, last].every((result) => result.failed === 0)).toBe(true)
    await expectEachOnce(ids)
  })

  it('REV-10 writes the status and what the hook writes together, or neither', async () => {
    const [id = ''] = await addPayments(db, 1)
    const failure = new Error('the hook failed')
    const events: ReversalEvent[] = []
    const failing = createReversal(
      paymentOptions(db, {
        onEvent: (event) => void events.push(event),
        onResolved: async (trx, row, outcome) => {
          await trx.insertInto('effect').values({ payment_id: row.id, outcome }).execute()
          throw failure
        },
      }),
    )
    expect(await failing.run()).toMatchObject({ scanned: 1, failed: 1, reversed: 0 })
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'row_failed', id, reason: 'undispatched', error: failure }),
    )
    expect(await statusOf(db, id)).toBe('PENDING')
    expect((await effectsPerPayment(db)).size).toBe(0)

    expect(await createReversal(paymentOptions(db)).run()).toMatchObject({ reversed: 1 })
    await expectEachOnce([id])
  })

  it('REV-10 does not count a row whose hook swallowed the error of a statement', async () => {
    const [id = ''] = await addPayments(db, 1)
    const reversal = createReversal(
      paymentOptions(db, {
        onResolved: async (trx) => {
          // The transaction is aborted from here on; its COMMIT would answer ROLLBACK.
          await sql`select 1 / 0`.execute(trx).catch(() => {})
        },
      }),
    )
    expect(await reversal.run()).toMatchObject({ failed: 1, reversed: 0 })
    expect(await statusOf(db, id)).toBe('PENDING')
  })

  it('REV-11 ends a run at maxPerRun and says so', async () => {
    await addPayments(db, 12)
    const reversal = createReversal(paymentOptions(db, { maxPerRun: 5, batchSize: 4 }))
    expect(await reversal.run()).toMatchObject({ reversed: 5, endedBy: 'max_per_run' })
    expect(await reversal.run()).toMatchObject({ reversed: 5, endedBy: 'max_per_run' })
    expect(await reversal.run()).toMatchObject({ reversed: 2, endedBy: 'done' })
  })

  it('REV-11 does not let undecided rows use up maxPerRun', async () => {
    const stuck = new Set(await addPayments(db, 6, { createdMsAgo: 300_000 }))
    const [id = ''] = await addPayments(db, 1)
    const reversal = createReversal(
      paymentOptions(db, {
        maxPerRun: 2,
        resolve: async (row) => (stuck.has(row.id) ? 'not_yet' : voidOrPosted(db, row.id)),
      }),
    )
    expect(await reversal.run()).toMatchObject({ notYet: 6, reversed: 1, endedBy: 'done' })
    expect(await statusOf(db, id)).toBe('FAILED')
  })

  it('REV-12 never touches rows from before notBefore', async () => {
    const [before = ''] = await addPayments(db, 1, { createdMsAgo: 7_200_000 })
    const [sent = ''] = await addPayments(db, 1, {
      createdMsAgo: 7_200_000,
      dispatchedMsAgo: 3_500_000,
    })
    const [after = ''] = await addPayments(db, 1, { createdMsAgo: 120_000 })
    const { rows } = await sql<{ at: Date }>`select now() - interval '1 hour' as at`.execute(db)
    const notBefore = rows[0]?.at
    const result = await createReversal(paymentOptions(db, { notBefore })).run()
    expect(result).toMatchObject({ scanned: 1, reversed: 1 })
    expect(await statusOf(db, before)).toBe('PENDING')
    expect(await statusOf(db, sent)).toBe('PENDING')
    expect(await statusOf(db, after)).toBe('FAILED')
  })

  it.each([
    ['fresh, not dispatched', { createdMsAgo: 30_000 }, 'PENDING'],
    ['past the dispatch leash', { createdMsAgo: 61_000 }, 'FAILED'],
    ['in an honest backlog', { createdMsAgo: 600_000, dispatchedMsAgo: 590_000 }, 'PENDING'],
    ['past the processing leash', { createdMsAgo: 910_000, dispatchedMsAgo: 901_000 }, 'FAILED'],
    ['old, but dispatched just now', { createdMsAgo: 990_000, dispatchedMsAgo: 1_000 }, 'PENDING'],
    ['settled long ago', { createdMsAgo: 990_000, status: 'COMPLETED' }, 'COMPLETED'],
  ])('REV-13 keeps the two leashes apart: %s', async (_, times, status) => {
    const [id = ''] = await addPayments(db, 1, times)
    await createReversal(paymentOptions(db)).run()
    expect(await statusOf(db, id)).toBe(status)
  })

  it('has one leash, from the creation, for a table without a dispatch time', async () => {
    const [fresh = ''] = await addPayments(db, 1, { createdMsAgo: 800_000 })
    const [stale = ''] = await addPayments(db, 1, { createdMsAgo: 901_000 })
    const columns = { id: 'id', status: 'status', createdAt: 'created_at' } as const
    await createReversal(paymentOptions(db, { columns })).run()
    expect(await statusOf(db, fresh)).toBe('PENDING')
    expect(await statusOf(db, stale)).toBe('FAILED')
  })

  it('goes on behind a row whose resolve hangs or throws', async () => {
    const [hanging = ''] = await addPayments(db, 1, { createdMsAgo: 300_000 })
    const [throwing = ''] = await addPayments(db, 1, { createdMsAgo: 200_000 })
    const [good = ''] = await addPayments(db, 1)
    const errors = new Map<string, unknown>()
    let aborted = false
    const reversal = createReversal(
      paymentOptions(db, {
        concurrency: 1,
        resolveTimeoutMs: 50,
        onEvent: (event) => event.type === 'row_failed' && errors.set(event.id, event.error),
        resolve: (row, { signal }) => {
          if (row.id === throwing) throw new TypeError('no answer')
          if (row.id !== hanging) return voidOrPosted(db, row.id)
          signal.addEventListener('abort', () => (aborted = true))
          return new Promise(() => {})
        },
      }),
    )
    expect(await reversal.run()).toMatchObject({ scanned: 3, failed: 2, reversed: 1 })
    expect(errors.get(hanging)).toMatchObject({ code: 'REVERSAL_RESOLVE_TIMEOUT', retryable: true })
    expect(errors.get(throwing)).toBeInstanceOf(TypeError)
    expect(aborted).toBe(true)
    expect(await statusOf(db, good)).toBe('FAILED')
  })

  it('leaves a row alone when resolve answers something else', async () => {
    const [id = ''] = await addPayments(db, 1)
    const resolve = async () => 'REVERSED' as never
    expect(await createReversal(paymentOptions(db, { resolve })).run()).toMatchObject({ failed: 1 })
    expect(await statusOf(db, id)).toBe('PENDING')
  })

  it('survives an observer that throws', async () => {
    await addPayments(db, 1)
    const warnings = on(process, 'warning')
    const onEvent = () => {
      throw new Error('observer')
    }
    expect(await createReversal(paymentOptions(db, { onEvent })).run()).toMatchObject({
      reversed: 1,
    })
    let message = ''
    while (!message.includes('onEvent')) {
      message = String((await warnings.next()).value?.[0])
    }
    await warnings.return?.()
    expect(message).toContain('observer')
  })

  it.each(['payments', 'reversal.job'])(
    'REV-08 fails, and tells so, instead of waiting for ever for a locked %s',
    async (locked) => {
      await migrateReversal(db)
      await addPayments(db, 1)
      const events: ReversalEvent[] = []
      const controller = new AbortController()
      const watching = Promise.withResolvers<void>()
      await db
        .transaction()
        .execute(async (trx) => {
          await sql`lock table ${sql.table(locked)} in access exclusive mode`.execute(trx)
          createReversal(
            paymentOptions(db, {
              logbook: {},
              timeBudgetMs: 200,
              onEvent: (event) => void events.push(event),
            }),
          )
            .watch({ intervalMs: 20, signal: controller.signal })
            .then(watching.resolve, watching.reject)
          await waitFor(() => events.some(({ type }) => type === 'run_failed'))
        })
        .finally(() => controller.abort())
      await watching.promise
      expect(events[0]).toMatchObject({
        type: 'run_failed',
        error: { code: 'REVERSAL_STORE_UNAVAILABLE', retryable: true, cause: { code: '57014' } },
      })
    },
  )

  it('tells an absent table from a finished run', async () => {
    const reversal = createReversal(paymentOptions(db, { table: 'absent' as 'payments' }))
    const error = await reversal.run().catch((reason: unknown) => reason)
    expect(ReversalError.is(error)).toBe(true)
    expect(error).toMatchObject({ code: 'REVERSAL_STORE_UNAVAILABLE', retryable: true })
  })
})

describe('watch', () => {
  it('runs again and again, outlives a database that is away, and stops at its signal', async () => {
    const controller = new AbortController()
    const results: RunResult[] = []
    const failures: unknown[] = []
    const watching = createReversal(paymentOptions(db)).watch({
      intervalMs: 20,
      signal: controller.signal,
      onRun: (result) => void results.push(result),
      onRunFailed: (error) => void failures.push(error),
    })
    await waitFor(() => results.length >= 2)
    await sql`alter table payments rename to payments_away`.execute(db)
    await waitFor(() => failures.length >= 2)
    await sql`alter table payments_away rename to payments`.execute(db)
    const [id = ''] = await addPayments(db, 1)
    await waitFor(async () => (await statusOf(db, id)) === 'FAILED')
    controller.abort()
    await watching
    expect(failures[0]).toMatchObject({ code: 'REVERSAL_STORE_UNAVAILABLE' })
  })
})

async function whileLocked(id: string, work: () => Promise<void>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`select 1 from payments where id = ${id} for update`.execute(trx)
    await work()
  })
}

async function expectEachOnce(ids: readonly string[]): Promise<void> {
  const effects = await effectsPerPayment(db)
  expect(effects.size).toBe(ids.length)
  expect(ids.every((id) => effects.get(id) === 1)).toBe(true)
}
