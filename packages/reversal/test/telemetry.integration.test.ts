// Spans and metrics as a real SDK collects them, of a job on a real PostgreSQL.
import { SpanStatusCode } from '@opentelemetry/api'
import { createTestDatabase } from '@payflow/testkit'
import { metered, tracer } from '@payflow/testkit/telemetry'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createReversal, migrateReversal } from '../src/index.ts'
import { telemetry } from '../src/opentelemetry/index.ts'
import { addPayments, migratePayments, paymentOptions, voidOrPosted } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

const tracing = tracer()
const { spans, tracerProvider } = tracing
let database: Awaited<ReturnType<typeof createTestDatabase>>
let db: Kysely<PaymentsDatabase>

beforeAll(async () => {
  tracing.begin()
  database = await createTestDatabase({
    migrate: async (empty) => {
      await migratePayments(empty)
      await migrateReversal(empty)
    },
    cacheKey: 'reversal-payments-and-logbook-2',
  })
  db = database.db as Kysely<PaymentsDatabase>
})
afterAll(async () => {
  tracing.end()
  await database.dispose()
})
beforeEach(async () => {
  spans.reset()
  await sql`truncate payments, fence, effect, reversal.job`.execute(db)
})

describe('telemetry', () => {
  it('counts rows, runs and mass reversals, and measures the runs', async () => {
    const { meterProvider, collectAll: collect } = metered('payflow.reversal.')
    const failing = await addPayments(db, 2, { createdMsAgo: 300_000 })
    await addPayments(db, 3)
    const job = createReversal(
      paymentOptions(db, {
        telemetry: telemetry({ meterProvider, tracerProvider }),
        resolve: async (row) => {
          if (failing.includes(row.id)) throw new Error('no answer')
          return await voidOrPosted(db, row.id)
        },
      }),
    )
    await job.run()
    const away = createReversal(
      paymentOptions(db, { telemetry: telemetry({ meterProvider }), table: 'absent' as never }),
    )
    await away.run().catch(() => {})
    const metrics = await collect()
    expect(metrics['rows']).toEqual([
      [{ outcome: 'failed', reason: 'undispatched' }, 2],
      [{ outcome: 'reversed', reason: 'undispatched' }, 3],
    ])
    expect(metrics['runs']).toEqual([
      [{ ended_by: 'done' }, 1],
      [{ ended_by: 'failed' }, 1],
    ])
    expect(metrics['mass_reversals']).toEqual([[{ action: 'proceed' }, 1]])
    expect(metrics['run.duration']).toMatchObject([
      [{ ended_by: 'done' }, { count: 1 }],
      [{ ended_by: 'failed' }, { count: 1 }],
    ])
  })

  it('makes a span for the run and one for each row, with ids and no data', async () => {
    const ids = await addPayments(db, 6)
    await createReversal(paymentOptions(db, { telemetry: telemetry({ tracerProvider }) })).run()
    const finished = spans.getFinishedSpans()
    const run = finished.find(({ name }) => name === 'reversal.run')
    expect(run?.attributes).toEqual({
      'payflow.reversal.table': 'payments',
      'payflow.reversal.ended_by': 'done',
      'payflow.reversal.scanned': 6,
      'payflow.reversal.reversed': 6,
      'payflow.reversal.completed': 0,
      'payflow.reversal.failed': 0,
      'payflow.reversal.mass_reversal': ['none_completed'],
    })
    expect(run?.status.code).toBe(SpanStatusCode.ERROR)
    const rows = finished.filter(({ name }) => name === 'reversal.settle')
    const parents = new Set(rows.map(({ parentSpanContext }) => parentSpanContext?.spanId))
    expect(parents).toEqual(new Set([run?.spanContext().spanId]))
    const named = new Set(rows.map(({ attributes }) => attributes['payflow.reversal.row']))
    expect(named).toEqual(new Set(ids))
    expect(rows[0]?.attributes).toMatchObject({
      'payflow.reversal.reason': 'undispatched',
      'payflow.reversal.outcome': 'reversed',
    })
  })

  it('reads the database at each collection, for a job that is long gone', async () => {
    const { meterProvider, collectAll: collect } = metered('payflow.reversal.')
    const job = createReversal(paymentOptions(db, { logbook: {} }))
    let asked = 0
    const stop = telemetry({ meterProvider }).observe({
      metrics: () => {
        asked += 1
        return job.metrics()
      },
    })
    await addPayments(db, 100, { status: 'COMPLETED' })
    await addPayments(db, 4)
    const before = await collect()
    expect(before['stale']).toEqual([
      [{ reason: 'undispatched' }, 4],
      [{ reason: 'unprocessed' }, 0],
    ])
    expect(before['success.age'] ?? []).toEqual([])
    await job.run()
    const after = await collect()
    expect(after['pending']).toEqual([[{}, 0]])
    expect(after['pending.age']).toEqual([[{}, 0]])
    expect(after['share']).toEqual([[{}, 4 / 104]])
    expect(after['mass_reversal']).toEqual([[{}, 0]])
    expect(after['logbook.rows']).toContainEqual([{ outcome: 'reversed' }, 4])
    expect(after['success.age']).toHaveLength(1)
    // A database that is away fails no collection.
    await sql`alter table payments rename to payments_away`.execute(db)
    expect((await collect())['logbook.rows']).toBeDefined()
    await sql`alter table payments_away rename to payments`.execute(db)
    stop()
    await collect()
    expect(asked).toBe(3)
  })
})
