// The history of somebody who has a hundred thousand payments: what the filters find, page by page,
// and what each page costs by PostgreSQL's own account.
import { randomUUID } from 'node:crypto'
import { SANDBOX_BANK_ID, transactionListQuery } from '@payflow-app/contracts'
import { migrateTransaction } from '@payflow-app/migrations'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql, type RawBuilder } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refundsQuery } from '../src/sql/count-refunds.ts'
import { historyQuery, listPayments, type PaymentQuery } from '../src/sql/list-payments.ts'
import { paymentColumns } from '../src/sql/payment-columns.ts'

const PAYMENTS = 100_000
const ada = randomUUID()
const friend = randomUUID()
let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: migrateTransaction,
    cacheKey: 'payflow-transaction',
  })
  await database.db.transaction().execute(async (trx) => {
    // The triggers' tables are not looked at here, and would take longer than all the rest.
    await sql`set local session_replication_role = replica`.execute(trx)
    await sql`insert into payments (id, kind, from_user_id, to_user_id, amount_minor, currency,
        status, failure_code, idempotency_key, fingerprint, message_id, created_at, dispatched_at,
        completed_at, resolved_by, refund_of)
      select gen_random_uuid(), kind, case when sent then ${ada}::uuid else other end,
        case when sent then other else ${ada}::uuid end, 1 + n % 5000, 'USD',
        case when failed then 'FAILED' else 'COMPLETED' end,
        case when failed then 'insufficient_funds' end, n::text, '', gen_random_uuid(),
        at, at, at, 'worker', case kind when 'refund' then gen_random_uuid() end
      from (select n, n % 2 = 0 as sent, n % 1999 = 0 as failed,
          timestamptz '2026-01-01' + n * interval '1 minute' as at,
          case when n % 997 = 0 then ${friend}::uuid when n % 1499 = 0 then ${SANDBOX_BANK_ID}::uuid
            else md5((n % 500)::text)::uuid end as other,
          case when n % 997 <> 0 and n % 1499 = 0 then
            case when n % 2 = 0 then 'withdrawal' else 'top_up' end
            when n % 1201 = 0 then 'refund' else 'payment' end as kind
        from generate_series(1, ${PAYMENTS}::int) as n) as made`.execute(trx)
    // As many of other people, at the same times.
    await sql`insert into payments (id, from_user_id, to_user_id, amount_minor, currency,
        idempotency_key, fingerprint, message_id, created_at, status, completed_at, resolved_by)
      select gen_random_uuid(), md5((n % 5000)::text || 'y')::uuid, md5((n % 4999)::text || 'x')::uuid, 1,
        'USD', n::text, '', gen_random_uuid(), created_at + interval '1 second', 'COMPLETED',
        created_at, 'worker'
      from (select created_at, row_number() over () as n from payments) as made`.execute(trx)
  })
  await sql`analyze payments`.execute(database.db)
})
afterAll(async () => {
  await database.dispose()
})

function queryOf(filters: Record<string, string> = {}): PaymentQuery {
  const { cursor: _, ...parsed } = transactionListQuery.parse(filters)
  return { ...parsed, userId: ada, after: undefined }
}

/** All pages of a query, as the route asks for them. */
async function all(query: PaymentQuery) {
  const found = []
  for (let after = query.after; ;) {
    const rows = await listPayments(database.db, { ...query, after })
    found.push(...rows)
    const last = rows.at(-1)
    if (last === undefined || rows.length < query.limit) return found
    after = { createdAt: last.place, id: last.id }
  }
}

interface Node {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Node[]
}

/** How many rows of payments a statement reads. */
async function rowsRead(query: RawBuilder<unknown>): Promise<number> {
  const explained = await sql<{ 'QUERY PLAN': [{ Plan: Node }] }>`
    explain (analyze, format json) ${query}`.execute(database.db)
  const read = (node: Node): number => {
    const below = (node.Plans ?? []).reduce((sum, one) => sum + read(one), 0)
    if (node['Relation Name'] !== 'payments') return below
    expect(node['Node Type']).toMatch(/^(Index|Index Only|Bitmap Heap) Scan$/)
    const { 'Rows Removed by Filter': removed = 0 } = node
    return below + (node['Actual Rows'] + removed) * node['Actual Loops']
  }
  const [row] = explained.rows
  if (row === undefined) throw new Error('EXPLAIN has one row')
  return read(row['QUERY PLAN'][0].Plan)
}

/** Filters, and what they mean for a row. */
const filters: readonly [Record<string, string>, string][] = [
  [{}, 'true'],
  [{ status: 'FAILED' }, "status = 'FAILED'"],
  [{ kind: 'refund' }, "kind = 'refund'"],
  [{ kind: 'top_up' }, "kind = 'top_up'"],
  [{ kind: 'withdrawal', direction: 'sent' }, "kind = 'withdrawal' and from_user_id = $1"],
  [{ direction: 'sent' }, 'from_user_id = $1'],
  [{ direction: 'received' }, 'to_user_id = $1'],
  [{ counterpartyId: friend }, '$2 in (from_user_id, to_user_id)'],
  [{ counterpartyId: friend, direction: 'received' }, 'from_user_id = $2'],
  [
    { from: '2026-02-01T00:00:00Z', to: '2026-02-01T03:00:00Z' },
    "created_at >= '2026-02-01Z' and created_at < '2026-02-01T03:00Z'",
  ],
  [{ status: 'COMPLETED', kind: 'payment' }, "status = 'COMPLETED' and kind = 'payment'"],
]

describe(`the history of ${PAYMENTS} payments among as many of others`, () => {
  it('reads nothing but what is pending, of which there may be none', async () => {
    const pending = (more = {}) => queryOf({ status: 'PENDING', ...more })
    expect(await rowsRead(historyQuery(pending()))).toBe(0)
    const made = await sql<{ id: string }>`
      insert into payments (id, from_user_id, to_user_id, amount_minor, currency, idempotency_key,
        fingerprint, message_id, created_at)
      select gen_random_uuid(), case n when 2 then ${friend}::uuid else ${ada}::uuid end,
        case n when 2 then ${ada}::uuid else ${friend}::uuid end, 1, 'USD',
        gen_random_uuid()::text, '', gen_random_uuid(), timestamptz '2025-01-01' - n * interval '1 day'
      from generate_series(1, 3) as n returning id`.execute(database.db)
    const ids = made.rows.map(({ id }) => id)
    const idsOf = async (query: PaymentQuery) => (await all(query)).map(({ id }) => id)
    expect(await idsOf(pending())).toEqual(ids)
    expect(await idsOf(pending({ direction: 'received' }))).toEqual([ids[1]])
    expect(await rowsRead(historyQuery(pending()))).toBe(3)
    await sql`delete from payments where id = any(${ids}::uuid[])`.execute(database.db)
  })

  it.each(filters)('reads little more than a page for %o', async (filter) => {
    for (const limit of ['1', '20', '100']) {
      const query = queryOf({ ...filter, limit })
      const [first] = await listPayments(database.db, query)
      expect(first).toBeDefined()
      const middle = { createdAt: '2026-02-15T00:00:00.000000Z', id: randomUUID() }
      for (const after of [undefined, middle]) {
        // A page of each of two branches, and what is left out on the way; or all there is of what is
        // so rare that PostgreSQL sorts it.
        const read = await rowsRead(historyQuery({ ...query, after }))
        expect(read).toBeLessThanOrEqual(2 * Number(limit) + 100)
      }
    }
  })

  it.each(filters.slice(1).filter(([filter]) => !('status' in filter && 'kind' in filter)))(
    'finds what %o means, each once, newest first',
    async (filter, meaning) => {
      const rows = await all(queryOf({ ...filter, limit: '100' }))
      const condition = meaning.replaceAll('$1', `'${ada}'`).replaceAll('$2', `'${friend}'`)
      const { rows: expected } = await sql<{ id: string }>`
        select id from payments where ${ada} in (from_user_id, to_user_id) and ${sql.raw(condition)}
        order by created_at desc, id desc`.execute(database.db)
      expect(rows.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
      expect(rows.length).toBeGreaterThan(0)
    },
  )

  it('shows a page once, however many payments come between two pages', async () => {
    const query = queryOf({ limit: '10', kind: 'refund' })
    const before = await all(query)
    const first = await listPayments(database.db, query)
    const last = first.at(-1)
    await sql`insert into payments (id, kind, from_user_id, to_user_id, amount_minor, currency,
        idempotency_key, fingerprint, message_id, refund_of)
      select gen_random_uuid(), 'refund', ${ada}, ${friend}, 1, 'USD', gen_random_uuid()::text, '',
        gen_random_uuid(), (select id from payments limit 1)
      from generate_series(1, 25)`.execute(database.db)
    const after = { createdAt: last?.place ?? '', id: last?.id ?? '' }
    const rest = await all({ ...query, after })
    expect([...first, ...rest].map(({ id }) => id)).toEqual(before.map(({ id }) => id))
  })

  it('filters by amount, and by everything together', async () => {
    const amounts = await all(queryOf({ amountMin: '4999', amountMax: '5000', limit: '100' }))
    expect(amounts).toHaveLength((2 * PAYMENTS) / 5_000)
    const rows = await all(
      queryOf({
        kind: 'payment',
        status: 'COMPLETED',
        direction: 'sent',
        counterpartyId: friend,
        from: '2026-01-02T00:00:00Z',
        to: '2026-03-01T00:00:00Z',
        amountMin: '100',
        amountMax: '4000',
      }),
    )
    expect(rows.length).toBeGreaterThan(0)
    for (const row of rows) {
      expect(row).toMatchObject({ kind: 'payment', fromUserId: ada, toUserId: friend })
      expect(Number(row.amountMinor)).toBeGreaterThanOrEqual(100)
      expect(Number(row.amountMinor)).toBeLessThanOrEqual(4_000)
    }
  })
})

describe('a payment that was refunded in vain 20000 times', () => {
  const id = randomUUID()

  beforeAll(async () => {
    await database.db.transaction().execute(async (trx) => {
      await sql`set local session_replication_role = replica`.execute(trx)
      await sql`insert into payments (id, kind, refund_of, from_user_id, to_user_id, amount_minor,
          currency, idempotency_key, fingerprint, message_id, status, failure_code, completed_at,
          resolved_by)
        select case n when 0 then ${id}::uuid else gen_random_uuid() end,
          case n when 0 then 'payment' else 'refund' end,
          case when n > 0 then ${id}::uuid end, ${friend}, ${randomUUID()}, 1 + n % 2,
          'USD', n::text || ${id}::text, '', gen_random_uuid(),
          case when n < 4 then 'COMPLETED' else 'FAILED' end,
          case when n >= 4 then 'insufficient_funds' end, now(), 'worker'
        from generate_series(0, 20003) as n`.execute(trx)
    })
    await sql`analyze payments`.execute(database.db)
  })

  it('is shown by reading the refunds that were made', async () => {
    const shown = sql<{ refundedMinor: string }>`
      select ${paymentColumns('payments')} from payments where id = ${id}`
    expect((await shown.execute(database.db)).rows).toMatchObject([{ refundedMinor: '5' }])
    expect(await rowsRead(shown)).toBe(1 + 3)
  })

  it('is not read by who asks what is pending', async () => {
    const pending = queryOf({ status: 'PENDING', direction: 'sent' })
    expect(await rowsRead(historyQuery({ ...pending, userId: friend }))).toBe(0)
  })

  it('is looked at for another refund without counting them all', async () => {
    const { rows } = await refundsQuery(id).execute(database.db)
    expect(rows).toEqual([{ alive: 3, all: 1_000 }])
    expect(await rowsRead(refundsQuery(id))).toBe(3 + 1_000)
  })
})
