// A process that redrives, for tests that kill it.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { childProbe } from '@payflow/testkit/child-probe'
import { createBus } from '../../src/index.ts'

const settings = JSON.parse(process.env['SETTINGS'] ?? '{}') as {
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  readonly exchange: string
  readonly queue: string
}
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 2 })
pool.on('error', () => {})
const bus = createBus({
  broker: { url: settings.rabbitmqUrl },
  db: new Kysely<any>({ dialect: new PostgresDialect({ pool }) }),
  source: 'queue-tests-redrive',
  topology: { exchange: settings.exchange },
  probe: childProbe(),
})
process.on('message', () => {})
process.send?.({ ready: true })
await new Promise<void>((resolve) => {
  process.on('message', (message: { start?: boolean }) => {
    if (message.start === true) resolve()
  })
})
const reason = 'a crash test'
const result = await bus.parked(settings.queue).redrive({ reason, actor: 'child', ratePerS: 1_000 })
process.send?.({ result })
await bus.drain()
await pool.end()
process.disconnect()
