// #region main
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { createBus } from '@payflow/queue'
import type { QueueConfig } from '@payflow/queue/cli'
import { OrderPaid } from './consume.ts'

/** The bus of the shipping worker, for `payflow-queue`: its consumers, none of them started. */
export default function config(): QueueConfig {
  const { DATABASE_URL, RABBITMQ_URL } = process.env
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: 2 })
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  const bus = createBus({ broker: { url: RABBITMQ_URL }, db, source: 'shipping' })
  bus.consumer({ name: 'shipping', queue: 'shipping', messages: [OrderPaid] })
  return { bus, close: () => db.destroy() }
}
// #endregion main
