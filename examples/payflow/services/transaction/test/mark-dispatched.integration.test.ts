// The relay notes what the broker has while a worker records many ends in one transaction.
import { migrateTransaction } from '@payflow-app/migrations'
import { insertPending } from '@payflow-app/migrations/testing'
import { createTestDatabase, waitFor, type TestDatabase } from '@payflow/testkit'
import { sql, type Transaction } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { markDispatched } from '../src/sql/mark-dispatched.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase({
    migrate: migrateTransaction,
    cacheKey: 'payflow-transaction',
  })
})
afterAll(() => database.dispose())

const ids = ['1', '2'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`)

/** Written into the table in the opposite of the ids' order. */
async function twoPayments(): Promise<void> {
  for (const id of ids.toReversed()) await insertPending(database.db, id)
}

const end = (trx: Transaction<unknown>, id: string | undefined) =>
  sql`update payments set status = 'COMPLETED', completed_at = now(), resolved_by = 'worker'
    where id = ${id} and status = 'PENDING'`.execute(trx)

it('locks payments in the order in which a worker does, whatever the plan is', async () => {
  await twoPayments()
  const relayPid = Promise.withResolvers<number>()
  const workerHasFirst = Promise.withResolvers<void>()
  const relay = database.db.transaction().execute(async (trx) => {
    await sql`set local enable_indexscan = off`.execute(trx)
    await sql`set local enable_bitmapscan = off`.execute(trx)
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx)
    await workerHasFirst.promise
    relayPid.resolve(rows[0]?.pid ?? 0)
    await markDispatched(trx, ids)
  })
  const worker = database.db.transaction().execute(async (trx) => {
    await end(trx, ids[0])
    workerHasFirst.resolve()
    const pid = await relayPid.promise
    await waitFor(async () => {
      const { rows } = await sql<{ waiting: boolean }>`
        select cardinality(pg_blocking_pids(${pid})) > 0 as waiting`.execute(database.db)
      return rows[0]?.waiting === true
    })
    await end(trx, ids[1])
  })
  await Promise.all([relay, worker])
  const { rows } = await sql`select status, dispatched_at is not null as dispatched
    from payments`.execute(database.db)
  expect(rows).toEqual(Array(2).fill({ status: 'COMPLETED', dispatched: true }))
})
