// The config module of the command's tests: the bus of this world, as its service would make it.
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { createBus } from '../../src/index.ts'
import type { QueueConfig } from '../../src/cli/index.ts'
import { NoteWritten } from './messages.ts'

export default function config(): QueueConfig {
  const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 2 })
  pool.on('error', () => {})
  const queue = process.env['QUEUE'] ?? ''
  const bus = createBus({
    broker: { url: process.env['RABBITMQ_URL'] },
    db: new Kysely<any>({ dialect: new PostgresDialect({ pool }) }),
    source: 'queue-tests-cli',
    topology: { exchange: process.env['EXCHANGE'] },
    inboxRetentionMs: 86_400_000,
    redriveWindowMs: 3_600_000,
  })
  const retry = { attempts: 2, delaysMs: [50] }
  bus.consumer({ name: 'notes', queue, messages: [NoteWritten], retry, deadlineMs: 1_000 })
  return { bus, close: () => pool.end() }
}
