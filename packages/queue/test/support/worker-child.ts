// A worker of its own process, for tests that kill it: consumes and relays as its settings say.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { childProbe } from '@payflow/testkit/child-probe'
import { createBus } from '../../src/index.ts'
import { NoteFiled, NoteWritten } from './messages.ts'

/** What the parent passes in SETTINGS. */
export interface ChildSettings {
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  readonly exchange: string
  readonly queue: string
  readonly consume?: 'one-step' | 'two-step' | 'set-based'
  readonly relay?: { leaseMs?: number; pollMs?: number; batchSize?: number }
  readonly concurrency?: number
  /** @defaultValue 2 */
  readonly heartbeatS?: number
  /** How long its handlers keep the event loop. */
  readonly blockMs?: number
  readonly order?: 'key'
  readonly batch?: { size: number; waitMs: number }
  /** The note at which the process kills itself. */
  readonly dieAt?: string
}

const settings = JSON.parse(process.env['SETTINGS'] ?? '{}') as ChildSettings
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 10 })
pool.on('error', () => {})
pool.on('connect', (client) => client.on('error', () => {}))
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const probe = childProbe()

const bus = createBus<any>({
  broker: { url: settings.rabbitmqUrl, heartbeatS: settings.heartbeatS ?? 2 },
  db,
  source: 'queue-tests-child',
  topology: {
    exchange: settings.exchange,
    bindings: [{ queue: settings.queue, types: ['notes.written'], order: settings.order }],
  },
  probe,
  onEvent: (event) => process.send?.({ event }),
})

const effect = (trx: Kysely<any>, id: string, note: string): Promise<unknown> =>
  sql`insert into effect (message_id, note) values (${id}, ${note})`.execute(trx)

if (settings.consume !== undefined) {
  const consumer = bus.consumer({
    name: 'notes',
    queue: settings.queue,
    messages: [NoteWritten],
    concurrency: settings.concurrency ?? 4,
    order: settings.order,
    batch: settings.batch,
    retry: { attempts: 5, delaysMs: [50] },
  })
  if (settings.consume === 'one-step') {
    consumer.handle(NoteWritten, async (message, { trx, outbox }) => {
      await effect(trx, message.id, message.data.text)
      if (message.data.text === settings.dieAt) process.kill(process.pid, 'SIGKILL')
      if (settings.blockMs !== undefined) blockFor(settings.blockMs)
      await probe('handler.worked', message.id)
      if (settings.relay !== undefined) await outbox.publish(NoteFiled, message.data)
    })
  } else if (settings.consume === 'set-based') {
    consumer.handleBatch(NoteWritten, async (messages, { trx }) => {
      for (const { id, data } of messages) {
        await effect(trx, id, data.text)
        if (data.text === settings.dieAt) process.kill(process.pid, 'SIGKILL')
      }
      await probe('handler.worked')
    })
  } else {
    consumer.handle(NoteWritten, {
      decide: async (message) => message.data.text,
      record: (message, text, { trx }) => effect(trx, message.id, text).then(() => {}),
    })
  }
  await consumer.start()
}
if (settings.relay !== undefined) bus.relay(settings.relay).start()

/** Nothing else runs in this process meanwhile. */
function blockFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

async function drain(): Promise<void> {
  const result = await bus.drain({ deadlineMs: 10_000 })
  await db.destroy()
  process.send?.({ drained: result })
  process.disconnect()
}
process.on('SIGTERM', () => void drain())
process.on('message', () => {})
process.send?.({ ready: true })
