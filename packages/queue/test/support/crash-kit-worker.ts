// A worker as a user of the crash kit writes one. With CARELESS it does its work outside of the
// transaction, which is the mistake the kit is to find.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { createBus } from '../../src/index.ts'
import { failpoint } from '../../src/testing/index.ts'
import { NoteFiled, NoteWritten } from './messages.ts'

/** What the parent passes in SETTINGS. */
export interface CrashKitSettings {
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  readonly exchange: string
  readonly queue: string
  readonly mode: 'one-step' | 'two-step' | 'careless'
}

const settings = JSON.parse(process.env['SETTINGS'] ?? '{}') as CrashKitSettings
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 5 })
pool.on('error', () => {})
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const crash = failpoint()
const bus = createBus<any>({
  broker: { url: settings.rabbitmqUrl },
  db,
  source: 'crash-kit',
  topology: {
    exchange: settings.exchange,
    bindings: [{ queue: `${settings.queue}-filed`, types: ['notes.filed'] }],
  },
  probe: crash,
})
const leave = (through: Kysely<any>, id: string, note: string): Promise<void> =>
  sql`insert into effect (message_id, note) values (${id}, ${note})`.execute(through).then(() => {})

const consumer = bus.consumer({
  name: 'notes',
  queue: settings.queue,
  messages: [NoteWritten],
  retry: { attempts: 5, delaysMs: [50] },
})
if (settings.mode === 'two-step') {
  consumer.handle(NoteWritten, {
    decide: async ({ data }) => data.text,
    record: ({ id }, text, { trx }) => leave(trx, id, text),
  })
} else {
  consumer.handle(NoteWritten, async ({ id, data }, { trx, outbox }) => {
    await leave(settings.mode === 'careless' ? db : trx, id, data.text)
    await crash('note.left')
    await outbox.publish(NoteFiled, data)
  })
}
await consumer.start()
bus.relay({ leaseMs: 1_000, pollMs: 20 }).start()

process.once('SIGTERM', () => {
  void bus.drain({ deadlineMs: 10_000 }).then(() => db.destroy())
})
