// The mail consumer of the recipes in a process of its own, for the test that kills it.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { childProbe } from '@payflow/testkit/child-probe'
import { sendMail } from '../../examples/send-mail.ts'
import { createBus } from '../../src/index.ts'

const { DATABASE_URL, RABBITMQ_URL = '', SMTP_URL = '' } = process.env
const pool = new pg.Pool({ connectionString: DATABASE_URL })
pool.on('error', () => {})
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const bus = createBus<any>({
  broker: { url: RABBITMQ_URL },
  db,
  source: 'mail-worker',
  probe: childProbe(),
})
await sendMail(bus, SMTP_URL)
process.on('message', () => {})
process.send?.({ ready: true })
