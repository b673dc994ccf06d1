// Drains a backlog in a process of its own, whose memory is nobody else's, and says what that took.
import { Kysely, PostgresDialect, sql } from 'kysely'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import pg from 'pg'
import { createBus } from '../../src/index.ts'
import { NoteWritten } from './messages.ts'

/** What the parent passes in SETTINGS. */
export interface BacklogSettings {
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  readonly exchange: string
  readonly queue: string
  readonly count: number
}

/** What the parent is told. */
export interface Drained {
  /** What could not be collected when one fifth, two fifths and so on were done, in MB. */
  readonly heldMb: readonly number[]
  /** The most deliveries that were in hand at once. */
  readonly inFlightMost: number
  /** The longest the event loop stood still. */
  readonly stallMs: number
}

const settings = JSON.parse(process.env['SETTINGS'] ?? '{}') as BacklogSettings
const { count, queue, exchange } = settings
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 4 })
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const stalls = monitorEventLoopDelay({ resolution: 10 })
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/**
 * Resident memory says when V8 last felt like collecting; this says what is held. The buffers that one
 * collection has found are freed beside it, and are gone for certain when the next one begins.
 */
function heldMb(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

const held: number[] = []
const ended = Promise.withResolvers<void>()
let done = 0
let inFlightMost = 0

const bus = createBus<any>({
  broker: { url: settings.rabbitmqUrl },
  db,
  source: 'queue-tests-backlog',
  topology: { exchange },
  onEvent(event) {
    if (event.type !== 'message.committed') return
    done += 1
    if (done % (count / 5) === 0) held.push(heldMb())
    if (done % 500 === 0) {
      inFlightMost = Math.max(inFlightMost, consumer.health().counts.inFlight)
    }
    if (done === count) ended.resolve()
  },
})
const consumer = bus.consumer({
  name: 'notes',
  queue,
  messages: [NoteWritten],
  batch: { size: 200 },
  prefetch: 800,
})
consumer.handleBatch(NoteWritten, async (messages, { trx }) => {
  await sql`insert into effect (message_id, note) select * from unnest(
    ${messages.map(({ id }) => id)}::text[], ${messages.map(({ data }) => data.text)}::text[])`.execute(
    trx,
  )
})

stalls.enable()
await consumer.start()
await ended.promise
await bus.drain()
await db.destroy()
const drained: Drained = { heldMb: held, inFlightMost, stallMs: stalls.max / 1e6 }
process.send?.({ drained })
