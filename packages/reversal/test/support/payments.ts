// A payments table as a user would have it, and beside it what the tests look at: `fence` is the
// party that decides once and for ever, `effect` is what the hook writes. Neither `effect` nor the
// hook prevents duplicates: what is written twice is seen twice.
import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { ColumnType, Generated, Kysely } from 'kysely'
import type {
  ResolveInside,
  ResolveOutcome,
  ResolveOutside,
  ReversalSettings,
} from '../../src/index.ts'

export interface PaymentsDatabase {
  payments: {
    id: string
    status: string
    failure_code: string | null
    created_at: ColumnType<Date, Date | string | undefined>
    dispatched_at: Date | null
  }
  fence: { id: string; state: 'posted' | 'voided' }
  effect: { at: Generated<Date>; payment_id: string; outcome: string }
}

export async function migratePayments(db: Kysely<any>): Promise<void> {
  await sql`
    create table payments (
      id uuid primary key,
      status text not null default 'PENDING' check (status in ('PENDING', 'COMPLETED', 'FAILED')),
      failure_code text check ((failure_code is not null) = (status = 'FAILED')),
      created_at timestamptz not null default now(),
      dispatched_at timestamptz
    )`.execute(db)
  await sql`create index payments_undispatched on payments (created_at, id)
    where status = 'PENDING' and dispatched_at is null`.execute(db)
  await sql`create index payments_unprocessed on payments (dispatched_at, id)
    where status = 'PENDING' and dispatched_at is not null`.execute(db)
  await sql`create index payments_created on payments (created_at) include (status)`.execute(db)
  await sql`create table fence (id uuid primary key, state text not null)`.execute(db)
  await sql`create table effect (
    at timestamptz not null default now(), payment_id uuid not null, outcome text not null
  )`.execute(db)
}

export const testDatabase = { migrate: migratePayments, cacheKey: 'reversal-payments-2' }

export interface PaymentTimes {
  /** How long ago, by the database's clock. */
  readonly createdMsAgo?: number
  /** How long ago; left out: not dispatched. */
  readonly dispatchedMsAgo?: number
  readonly status?: string
}

export async function addPayments(
  db: Kysely<PaymentsDatabase>,
  count: number,
  { createdMsAgo = 120_000, dispatchedMsAgo, status = 'PENDING' }: PaymentTimes = {},
): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID())
  const ago = (ms: number) => sql<Date>`now() - ${`${ms} milliseconds`}::interval`
  for (let from = 0; from < count; from += 1000) {
    const rows = ids.slice(from, from + 1000).map((id) => ({
      id,
      status,
      failure_code: status === 'FAILED' ? 'other' : null,
      created_at: ago(createdMsAgo) as never,
      dispatched_at: dispatchedMsAgo === undefined ? null : ago(dispatchedMsAgo),
    }))
    await db.insertInto('payments').values(rows).execute()
  }
  return ids
}

/** First writer wins, for ever: the two-database fence of the payment rules. */
export async function voidOrPosted(
  db: Kysely<PaymentsDatabase>,
  id: string,
): Promise<ResolveOutcome> {
  await db
    .insertInto('fence')
    .values({ id, state: 'voided' })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const row = await db.selectFrom('fence').select('state').where('id', '=', id).executeTakeFirst()
  return row?.state === 'posted' ? 'completed' : 'reversed'
}

type Settings = ReversalSettings<PaymentsDatabase, 'payments'>
type Outside = ResolveOutside<PaymentsDatabase, 'payments'>
type Inside = ResolveInside<PaymentsDatabase, 'payments'>

/** The settings every test shares; each overrides what it is about. */
function paymentSettings(db: Kysely<PaymentsDatabase>): Settings {
  return {
    db,
    table: 'payments',
    columns: {
      id: 'id',
      status: 'status',
      createdAt: 'created_at',
      dispatchedAt: 'dispatched_at',
    },
    statuses: { pending: 'PENDING', reversed: 'FAILED', completed: 'COMPLETED' },
    changes: (_, outcome) => ({
      failure_code: outcome === 'reversed' ? 'reversed_timeout' : null,
    }),
    onResolved: async (trx, row, outcome) => {
      await trx.insertInto('effect').values({ payment_id: row.id, outcome }).execute()
    },
    // Without an observer every mass reversal, which most tests make, would be a process warning.
    onEvent: () => {},
  }
}

/** Two databases: the fence commits before the record is begun. */
export const paymentOptions = (
  db: Kysely<PaymentsDatabase>,
  overrides: Partial<Settings & Outside> = {},
): Settings & Outside => ({
  ...paymentSettings(db),
  resolve: (row) => voidOrPosted(db, row.id),
  ...overrides,
})

/** One database: the fence is written by the transaction that records. */
export const paymentOptionsInside = (
  db: Kysely<PaymentsDatabase>,
  overrides: Partial<Settings & Inside> = {},
): Settings & Inside => ({
  ...paymentSettings(db),
  resolveInTransaction: (trx, row) => voidOrPosted(trx, row.id),
  ...overrides,
})

export async function statusOf(db: Kysely<PaymentsDatabase>, id: string): Promise<string> {
  const { status } = await db
    .selectFrom('payments')
    .select('status')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return status
}

/** Ids with the number of effects each has, for "exactly once" assertions. */
export async function effectsPerPayment(
  db: Kysely<PaymentsDatabase>,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('effect')
    .select(['payment_id', ({ fn }) => fn.countAll<string>().as('count')])
    .groupBy('payment_id')
    .execute()
  return new Map(rows.map((row) => [row.payment_id, Number(row.count)]))
}
