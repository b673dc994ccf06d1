// Runs the job once, in a process of its own, and says what that took: rows, memory and batches, four
// times a second.
import { type Kysely, sql } from 'kysely'
import { createReversal, type ReversalSettings } from '@payflow/reversal'
import { type FenceTables, open, type PaymentsTables, type Place } from './place.ts'

/** What the parent passes in SETTINGS. */
export interface JobSettings {
  readonly place: Place
  readonly decide: 'outside' | 'inside'
  readonly batchSize: number
  readonly concurrency: number
}

/** One look. */
export interface Sample {
  /** Since the run began. */
  readonly seconds: number
  readonly done: number
  readonly rssMb: number
  readonly heapMb: number
}

/** What the process says at its end. */
export interface JobReport {
  readonly samples: readonly Sample[]
  readonly batchMax: number
  /** How long a look at everything that is stale took, before the run and after it. */
  readonly metricsMs: readonly [before: number, after: number]
  readonly endedBy: string
}

const EVERY_MS = 250
const MB = 2 ** 20

const settings = JSON.parse(process.env['SETTINGS'] ?? '{}') as JobSettings
const { place, decide, batchSize, concurrency } = settings
const payments = open<PaymentsTables>(place.paymentsUrl, concurrency + 1)
const fence = open<FenceTables>(place.fenceUrl, concurrency)
const samples: Sample[] = []
let done = 0
let batchMax = 0

/** First writer wins: the two-database fence of the README. */
async function voidOrPosted(db: Kysely<any>, id: string): Promise<'reversed' | 'completed'> {
  const { rows } = await sql<{ state: string }>`
    insert into fence (id, state) values (${id}, 'voided') on conflict (id) do nothing
    returning state`.execute(db)
  if (rows.length === 1) return 'reversed'
  const found = await sql<{ state: string }>`
    select state from fence where id = ${id}`.execute(db)
  return found.rows[0]?.state === 'posted' ? 'completed' : 'reversed'
}

const shared: ReversalSettings<PaymentsTables, 'payments'> = {
  db: payments,
  table: 'payments',
  columns: { id: 'id', status: 'status', createdAt: 'created_at', dispatchedAt: 'dispatched_at' },
  statuses: { pending: 'PENDING', reversed: 'FAILED', completed: 'COMPLETED' },
  batchSize,
  concurrency,
  maxPerRun: 100_000_000,
  timeBudgetMs: 2 ** 31 - 1,
  onResolved: async (trx, row, outcome) => {
    await trx.insertInto('effect').values({ payment_id: row.id, outcome }).execute()
  },
  onEvent: ({ type }) => {
    if (type === 'row_settled') done += 1
  },
  probe: (name, detail) => {
    if (name === 'reversal.scanned') {
      batchMax = Math.max(batchMax, (detail as { readonly count: number }).count)
    }
  },
}
const reversal =
  decide === 'inside'
    ? createReversal({ ...shared, resolveInTransaction: (trx, row) => voidOrPosted(trx, row.id) })
    : createReversal({ ...shared, resolve: (row) => voidOrPosted(fence, row.id) })

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

process.on('disconnect', () => process.exit())
const before = await timed(() => reversal.metrics())
const startedAt = performance.now()
const look = (): void => {
  const { rss, heapUsed } = process.memoryUsage()
  const seconds = (performance.now() - startedAt) / 1_000
  samples.push({ seconds, done, rssMb: rss / MB, heapMb: heapUsed / MB })
}
const looking = setInterval(look, EVERY_MS)
const telling = setInterval(() => process.send?.({ done }), 10_000)
const { endedBy } = await reversal.run()
look()
clearInterval(looking)
clearInterval(telling)
const after = await timed(() => reversal.metrics())
await payments.destroy()
await fence.destroy()
// A report of many samples is more than the pipe takes at once: the process stays until it was read.
process.once('message', () => process.disconnect())
process.send?.({ samples, batchMax, metricsMs: [before, after], endedBy } satisfies JobReport)
