// Runs the job once, in a process of its own, and says what that took: rows, memory and batches, four
// times a second.
import { type Kysely, sql } from 'kysely'
import { createReversal, type ReversalSettings } from '@payflow/reversal'
import { report, type Sample, watched } from '../lib/long-run-child.ts'
import { type FenceTables, open, type PaymentsTables, type Place } from './place.ts'

/** What the parent passes in SETTINGS. */
export interface JobSettings {
  readonly place: Place
  readonly decide: 'outside' | 'inside'
  readonly batchSize: number
  readonly concurrency: number
}

/** What the process says at its end. */
export interface JobReport {
  readonly samples: readonly Sample[]
  readonly batchMax: number
  /** How long a look at everything that is stale took, before the run and after it. */
  readonly metricsMs: readonly [before: number, after: number]
  readonly endedBy: string
}

const settings = JSON.parse(process.env['SETTINGS'] ?? '{}') as JobSettings
const { place, decide, batchSize, concurrency } = settings
const payments = open<PaymentsTables>(place.paymentsUrl, concurrency + 1)
const fence = open<FenceTables>(place.fenceUrl, concurrency)
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

const before = await timed(() => reversal.metrics())
let endedBy = ''
const samples = await watched(
  async () => {
    endedBy = (await reversal.run()).endedBy
  },
  { done: () => done, tellEveryMs: 10_000, more: () => ({}) },
)
const after = await timed(() => reversal.metrics())
await payments.destroy()
await fence.destroy()
report<JobReport>({ samples, batchMax, metricsMs: [before, after], endedBy })
