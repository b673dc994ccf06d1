// Goal: the cost of a run follows what is stale, never what the table holds; so does its memory.
// Method: 300,000 rows, of which few are pending; every statement the job sends is explained, also
// as a plan that is kept for any parameter.
import { CompiledQuery, Kysely, PostgresDialect, sql } from 'kysely'
import type { LogEvent } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase } from '@payflow/testkit'
import { createReversal } from '../src/index.ts'
import type { Reversal } from '../src/index.ts'
import { addPayments, migratePayments, paymentOptions } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let logged: Kysely<PaymentsDatabase>
let queries: CompiledQuery[] = []

beforeAll(async () => {
  database = await createTestDatabase({ migrate: migratePayments })
  await sql`
    insert into payments (id, status, created_at, dispatched_at)
    select gen_random_uuid(), 'COMPLETED', now() - n * interval '1 second', now()
    from generate_series(1, 300000) as n`.execute(database.db)
  await addPayments(database.db, 40)
  await addPayments(database.db, 40, { createdMsAgo: 990_000, dispatchedMsAgo: 950_000 })
  await sql`vacuum analyze payments`.execute(database.db)
  const log = ({ query }: LogEvent): void => {
    if (query.sql.includes('"payments"') && query.sql.includes('select')) queries.push(query)
  }
  const dialect = new PostgresDialect({ pool: database.pool })
  logged = new Kysely<PaymentsDatabase>({ dialect, log })
}, 120_000)
afterAll(() => database.dispose())
beforeEach(() => {
  queries = []
})

const job = (): Reversal =>
  createReversal(paymentOptions(logged, { batchSize: 15, resolve: async () => 'not_yet' }))

/** What PostgreSQL would do, the parameters being these, or being anything. */
async function plansOf(query: CompiledQuery): Promise<{ custom: string; generic: string }> {
  const { rows } = await database.db.executeQuery<{ 'QUERY PLAN': string }>(
    CompiledQuery.raw(`explain ${query.sql}`, [...query.parameters]),
  )
  const client = await database.pool.connect()
  try {
    await client.query('set plan_cache_mode = force_generic_plan')
    await client.query(`prepare explained as ${query.sql}`)
    const values = query.parameters.map((value) => client.escapeLiteral(String(value)))
    const execute = values.length === 0 ? 'explained' : `explained (${values.join(', ')})`
    const generic = await client.query<{ 'QUERY PLAN': string }>(`explain execute ${execute}`)
    return { custom: text(rows), generic: text(generic.rows) }
  } finally {
    client.release(true)
  }
}

const text = (rows: readonly { 'QUERY PLAN': string }[]): string =>
  rows.map((row) => row['QUERY PLAN']).join('\n')

const indexOf = (plan: string): string | undefined => /(?:using|on) (payments_\w+)/.exec(plan)?.[1]

async function explained(work: () => Promise<unknown>, part: string): Promise<string[]> {
  await work()
  const found: string[] = []
  for (const query of queries.filter(({ sql: sent }) => sent.includes(part))) {
    const { custom, generic } = await plansOf(query)
    for (const plan of [custom, generic]) {
      expect(plan, query.sql).not.toContain('Seq Scan')
      expect(query.sql).not.toContain('offset')
    }
    expect(indexOf(generic), generic).toBe(indexOf(custom))
    found.push(custom)
  }
  return found
}

describe('the statements of the job', () => {
  it('REV-08 read each leash, batch by batch, as one range of its own index', async () => {
    const plans = await explained(() => job().run(), 'scanat')
    expect(plans.map(indexOf)).toEqual([
      ...Array.from({ length: 3 }, () => 'payments_undispatched'),
      ...Array.from({ length: 3 }, () => 'payments_unprocessed'),
    ])
    for (const plan of plans) {
      expect(plan).not.toContain('Sort')
      expect(plan).toMatch(/Index Cond: .*(created_at|dispatched_at) < \(now\(\) - /)
    }
    // A batch begins where the one before it ended: by comparison of rows, inside the index.
    expect(plans[1]).toMatch(/Index Cond: .*ROW\(created_at, id\) > ROW\(/)
  })

  it('count what is stale from the same indexes', async () => {
    await explained(() => job().run(), 'count(*) as count')
    const plans = await explained(() => job().metrics(), 'staleoldest')
    expect(plans.map(indexOf)).toEqual(['payments_undispatched', 'payments_unprocessed'])
  })

  it('list rows for a report from the same indexes', async () => {
    const plans = await explained(() => job().report({ limit: 60 }), 'listid')
    expect(plans.map(indexOf)).toEqual(['payments_undispatched', 'payments_unprocessed'])
  })

  it('REV-11 count what became of the rows created lately as a range of one index', async () => {
    const plans = await explained(() => job().run(), 'as created')
    expect(plans.map(indexOf)).toEqual(['payments_created'])
  })
})

describe('a run over many stale rows', () => {
  it('REV-08 ends 20,000 in bounded batches, holding one batch at a time', async () => {
    const count = 20_000
    await sql`
      insert into payments (id, created_at)
      select gen_random_uuid(), now() - interval '1 hour' - n * interval '1 millisecond'
      from generate_series(1, ${count}) as n`.execute(database.db)
    const batches: number[] = []
    const result = await createReversal(
      paymentOptions(database.db, {
        batchSize: 500,
        concurrency: 8,
        maxPerRun: 1_000_000,
        timeBudgetMs: 600_000,
        resolve: async () => 'reversed',
        onResolved: async () => {},
        probe: (name, detail) => {
          if (name === 'reversal.scanned') batches.push((detail as { count: number }).count)
        },
      }),
    ).run()
    expect(result).toMatchObject({ reversed: count + 80, failed: 0, lost: 0, endedBy: 'done' })
    expect(Math.max(...batches)).toBe(500)
    expect(batches.length).toBe(Math.ceil((count + 40) / 500) + 1)
  }, 300_000)
})
