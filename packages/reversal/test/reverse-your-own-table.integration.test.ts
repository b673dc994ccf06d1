// The example of the README, run as it is printed there.
import { readFileSync } from 'node:fs'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase } from '@payflow/testkit'
import { staleOrders } from '../examples/reverse-your-own-table.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: async (db) => {
      await sql`create table orders (
        id uuid primary key default gen_random_uuid(), state text not null,
        placed_at timestamptz not null default now(), sent_at timestamptz
      )`.execute(db)
      await sql`create table notices (order_id uuid not null, text text not null)`.execute(db)
    },
  })
})
afterAll(() => database.dispose())

describe('the example', () => {
  it('is ten lines or less', () => {
    const file = new URL('../examples/reverse-your-own-table.ts', import.meta.url)
    const [, main = ''] = readFileSync(file, 'utf8').split('// #region main\n')
    const [region = ''] = main.split('// #endregion main')
    const lines = region.trimEnd().split('\n')
    expect(lines[0]).toContain('export const staleOrders')
    expect(lines.length).toBeLessThanOrEqual(10)
  })

  it('cancels a stale order, writes down one that was paid, leaves a fresh one alone', async () => {
    const { rows } = await sql<{ id: string }>`
      insert into orders (state, placed_at) values
        ('placed', now() - interval '3 minutes'), ('placed', now() - interval '2 minutes'),
        ('placed', now())
      returning id`.execute(database.db)
    const paid = rows[1]?.id
    const job = staleOrders(database.db, {
      cancel: async (id) => (id === paid ? 'completed' : 'reversed'),
    })
    expect(await job.run()).toMatchObject({ scanned: 2, reversed: 1, completed: 1 })
    const orders = await sql`
      select state, text from orders left join notices on order_id = id order by placed_at
    `.execute(database.db)
    expect(orders.rows).toEqual([
      { state: 'cancelled', text: 'reversed' },
      { state: 'paid', text: 'completed' },
      { state: 'placed', text: null },
    ])
  })
})
