// #region main
import assert from 'node:assert'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { createBus } from '@payflow/queue'
import { describeCrashes, failpoints } from '@payflow/queue/testing'
import { OrderPaid } from './consume.ts'

const { DATABASE_URL, RABBITMQ_URL = 'amqp://127.0.0.1' } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL })
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const topology = { bindings: [{ queue: 'shipping', types: ['orders.paid'] }] }
const bus = createBus({ broker: { url: RABBITMQ_URL }, db, source: 'test', topology })
const worker = fileURLToPath(new URL('shipping-worker.ts', import.meta.url))

async function begin() {
  await bus.topology.apply()
  const orderId = randomUUID()
  await sql`insert into orders (id, parcels) values (${orderId}, 0)`.execute(db)
  const parcels = async () => {
    const { rows } = await sql<{ parcels: number }>`
      select parcels from orders where id = ${orderId}`.execute(db)
    return rows[0]?.parcels ?? 0
  }
  return {
    start: (env: Readonly<Record<string, string>>) =>
      spawn(process.execPath, [...process.execArgv, worker], { env: { ...process.env, ...env } }),
    act: () => bus.publish(OrderPaid, { orderId }),
    done: async () => (await bus.queueDepth('shipping')).ready === 0 && (await parcels()) > 0,
    check: async () => assert.equal(await parcels(), 1), // not two, whenever it was killed
  }
}

const points = [...failpoints.oneStep, 'parcel.packed']
describeCrashes('the shipping worker', { points, begin }, { describe, it })
after(async () => {
  await bus.drain()
  await db.destroy()
})
// #endregion main
