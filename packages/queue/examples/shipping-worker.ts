// #region main
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { createBus } from '@payflow/queue'
import { failpoint } from '@payflow/queue/testing'
import { OrderPaid } from './consume.ts'

const { DATABASE_URL, RABBITMQ_URL = 'amqp://127.0.0.1' } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 12 }) // above the concurrency
pool.on('error', (error) => console.error(error)) // an idle connection that dies ends no process
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const crash = failpoint() // does nothing, unless a crash test has named a point

const bus = createBus({ broker: { url: RABBITMQ_URL }, db, source: 'shipping', probe: crash })
const consumer = bus.consumer({ name: 'shipping', queue: 'shipping', messages: [OrderPaid] })
consumer.handle(OrderPaid, async ({ data }, { trx }) => {
  await sql`update orders set parcels = parcels + 1 where id = ${data.orderId}`.execute(trx)
  await crash('parcel.packed') // a point of your own
})
await consumer.start()

async function stop(): Promise<void> {
  await bus.drain({ deadlineMs: 20_000 }) // finishes what is in hand, gives the rest back
  await db.destroy()
}
process.once('SIGTERM', () => void stop())
// #endregion main
