import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

/** Payments that wait, and what is written when they end. */
export interface PaymentsTables {
  payments: {
    id: string
    status: string
    amount_minor: string
    created_at: Date
    dispatched_at: Date | null
  }
  effect: { payment_id: string; outcome: string }
}

/** The party that decides: first writer wins, for ever. */
export interface FenceTables {
  fence: { id: string; state: string }
}

/** Where the rows are, and where the fence is: the same place, or another. */
export interface Place {
  readonly paymentsUrl: string
  readonly fenceUrl: string
}

/** Every so many payments was posted before, and only the record is missing. */
const POSTED_EVERY = 100

export function open<Tables>(connectionString: string, max: number): Kysely<Tables> {
  const pool = new pg.Pool({ connectionString, max })
  pool.on('error', () => undefined)
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}

/** Makes databases of their own for a case, with `count` stale payments in them. */
export async function fill(
  serverUrl: string,
  name: string,
  count: number,
  databases: 1 | 2,
): Promise<Place> {
  const paymentsUrl = await createDatabase(serverUrl, `${name}_payments`)
  const fenceUrl = databases === 1 ? paymentsUrl : await createDatabase(serverUrl, `${name}_ledger`)
  const payments = open<PaymentsTables>(paymentsUrl, 1)
  const fence = open<FenceTables>(fenceUrl, 1)
  try {
    await createTables(payments, count)
    await sql`create table fence (id uuid primary key, state text not null)`.execute(fence)
    for (let from = 0; ;) {
      const { rows } = await sql<{ id: string }>`
        select id from payments where n % ${POSTED_EVERY} = 0 order by n offset ${from} limit 10000
      `.execute(payments)
      if (rows.length === 0) break
      from += rows.length
      await fence
        .insertInto('fence')
        .values(rows.map(({ id }) => ({ id, state: 'posted' })))
        .execute()
    }
  } finally {
    await payments.destroy()
    await fence.destroy()
  }
  return { paymentsUrl, fenceUrl }
}

async function createTables(payments: Kysely<PaymentsTables>, count: number): Promise<void> {
  await sql`
    create table payments (
      n bigint not null,
      id uuid primary key default gen_random_uuid(),
      status text not null default 'PENDING',
      amount_minor bigint not null default 5000,
      created_at timestamptz not null default now(),
      dispatched_at timestamptz
    ) with (fillfactor = 80)`.execute(payments)
  await sql`create table effect (payment_id uuid not null, outcome text not null)`.execute(payments)
  // Half on each leash, and as many again that had ended long before.
  await sql`
    insert into payments (n, status, created_at, dispatched_at)
    select n, case when n > ${count}::bigint then 'COMPLETED' else 'PENDING' end,
      now() - interval '2 hours' + n * interval '1 millisecond',
      case when n % 2 = 0 then now() - interval '1 hour' + n * interval '1 millisecond' end
    from generate_series(1, ${2 * count}::bigint) as n`.execute(payments)
  await sql`create index payments_undispatched on payments (created_at, id)
    where status = 'PENDING' and dispatched_at is null`.execute(payments)
  await sql`create index payments_unprocessed on payments (dispatched_at, id)
    where status = 'PENDING' and dispatched_at is not null`.execute(payments)
  await sql`create index payments_created on payments (created_at)`.execute(payments)
  await sql`vacuum analyze payments`.execute(payments)
}

async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: serverUrl })
  await client.connect()
  try {
    await client.query(`create database ${name}`)
  } finally {
    await client.end()
  }
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/** What is wrong after all rows were to be settled; empty when nothing is. */
export async function faultsOf(place: Place, count: number): Promise<string[]> {
  const payments = open<PaymentsTables>(place.paymentsUrl, 1)
  const fence = open<FenceTables>(place.fenceUrl, 1)
  try {
    const expected = { completed: Math.floor(count / POSTED_EVERY), pending: 0 }
    const { rows } = await sql<Record<string, number>>`
      select count(*) filter (where status = 'PENDING')::int as pending,
        count(*) filter (where status = 'FAILED')::int as reversed,
        count(*) filter (where status = 'COMPLETED' and n <= ${count})::int as completed,
        (select count(*)::int from effect) as effects,
        (select count(distinct payment_id)::int from effect) as distinct_effects
      from payments`.execute(payments)
    const fences = await sql<Record<string, number>>`
      select count(*) filter (where state = 'voided')::int as voided from fence`.execute(fence)
    const found = { ...rows[0], ...fences.rows[0] } as Record<string, number>
    const reversed = count - expected.completed
    const right: Record<string, number> = {
      ...expected,
      reversed,
      voided: reversed,
      effects: count,
      distinct_effects: count,
    }
    return Object.entries(right)
      .filter(([name, value]) => found[name] !== value)
      .map(([name, value]) => `${name}: ${found[name]} instead of ${value}`)
  } finally {
    await payments.destroy()
    await fence.destroy()
  }
}
