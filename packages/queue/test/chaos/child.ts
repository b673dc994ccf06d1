// One process of the campaign: a writer, a relay or a worker, as its settings say. The parent kills and
// freezes it.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { between, pause, seeded } from '@payflow/testkit'
import type { Random } from '@payflow/testkit'
import { childProbe } from '@payflow/testkit/child-probe'
import { createBus, deadLetter } from '../../src/index.ts'
import { Moved, Noted } from './messages.ts'
import type { Step } from './messages.ts'
import { committed, KEYS } from './tables.ts'

export type Role = 'writer' | 'relay' | 'worker'

/** What the parent passes in SETTINGS. */
export interface ChaosSettings {
  readonly role: Role
  readonly seed: number
  readonly databaseUrl: string
  readonly rabbitmqUrl: string
  readonly exchange: string
  readonly moves: string
  readonly notes: string
  readonly tallies: string
  readonly line: string
  /** Gets a copy of every message; nobody consumes it. */
  readonly observer: string
}

const settings = JSON.parse(process.env['SETTINGS'] ?? '{}') as ChaosSettings
const { exchange, moves, notes, tallies, line, observer } = settings
const pool = new pg.Pool({
  connectionString: settings.databaseUrl,
  max: 16,
  connectionTimeoutMillis: 10_000,
})
pool.on('error', () => {})
pool.on('connect', (client) => client.on('error', () => {}))
const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
const probe = childProbe()
const bus = createBus<any>({
  broker: { url: settings.rabbitmqUrl, heartbeatS: 2 },
  db,
  source: 'queue-chaos',
  confirmTimeoutMs: 5_000,
  topology: {
    exchange,
    bindings: [
      { queue: moves, types: [Moved.type] },
      { queue: notes, types: [Noted.type] },
      { queue: tallies, types: [Moved.type] },
      { queue: line, types: [Moved.type], order: 'key' },
      { queue: observer, types: ['chaos.*'] },
    ],
  },
  probe,
})

const retry = { attempts: 12, delaysMs: [20, 50, 200] }
const deadlineMs = 20_000

/** Leaves the effect, then does what the message's fate is. */
async function handle(
  consumer: string,
  { id, data, attempt }: { id: string; data: Step; attempt: number },
  trx: Kysely<any>,
): Promise<void> {
  await sql`insert into effect (consumer, message_id, key, n)
    values (${consumer}, ${id}, ${data.key}, ${data.n})`.execute(trx)
  await probe('handler.worked', id)
  if (data.fate === 'refused') throw deadLetter('as it should be')
  if (data.fate === 'hopeless' || (data.fate === 'flaky' && attempt === 1)) {
    throw new Error(data.fate)
  }
}

/** One transaction a message, and a message that follows it. */
function consumeMoves(): void {
  const options = { concurrency: 6, prefetch: 24, deadlineMs, retry }
  const consumer = bus.consumer({ name: 'move', queue: moves, messages: [Moved], ...options })
  consumer.handle(Moved, async (message, { trx, outbox, attempt }) => {
    await handle('move', { ...message, attempt }, trx)
    await outbox.publish(Noted, message.data)
  })
  void consumer.start()
}

/** Two steps. */
function consumeNotes(): void {
  const options = { concurrency: 6, prefetch: 24, deadlineMs, retry }
  const consumer = bus.consumer({ name: 'note', queue: notes, messages: [Noted], ...options })
  consumer.handle(Noted, {
    decide: async (message) => message.data.n,
    async record(message, n, { trx }) {
      await sql`insert into effect (consumer, message_id, key, n)
        values ('note', ${message.id}, ${message.data.key}, ${n})`.execute(trx)
    },
  })
  void consumer.start()
}

/** Many messages in a transaction. */
function consumeTallies(): void {
  const batch = { size: 20, waitMs: 20 }
  const options = { batch, deadlineMs, retry }
  const consumer = bus.consumer({ name: 'tally', queue: tallies, messages: [Moved], ...options })
  consumer.handleBatch(Moved, async (messages, { trx }) => {
    await sql`insert into effect (consumer, message_id, key, n)
      select 'tally', * from unnest(${messages.map(({ id }) => id)}::text[],
        ${messages.map(({ data }) => data.key)}::text[],
        ${messages.map(({ data }) => data.n)}::integer[])`.execute(trx)
    await probe('handler.worked')
    if (messages.some(({ data }) => data.fate === 'refused')) throw deadLetter('as it should be')
    if (messages.some(({ data }) => data.fate === 'hopeless')) throw new Error('hopeless')
  })
  void consumer.start()
}

/** One message of a key after the other, in the order of the queue. */
function consumeLine(): void {
  const options = { concurrency: 6, order: 'key', deadlineMs, retry } as const
  const consumer = bus.consumer({ name: 'line', queue: line, messages: [Moved], ...options })
  consumer.handle(Moved, async (message, { trx, attempt }) => {
    await handle('line', { ...message, attempt }, trx)
  })
  void consumer.start()
}

function consume(): void {
  consumeMoves()
  consumeNotes()
  consumeTallies()
  consumeLine()
}

let target = 0

/** Writes while fewer messages than the target are committed, for as long as it lives. */
async function write(random: Random): Promise<never> {
  for (;;) {
    const missing = await committed(db).then(
      (n) => target - n,
      () => 0,
    )
    for (let i = 0; i < Math.min(missing, 20); i += 1) await writeOnce(random).catch(() => {})
    if (missing <= 0) await pause(50)
  }
}

/** One transaction: one message or two, each the next of its key. A few are rolled back. */
async function writeOnce(random: Random): Promise<void> {
  const keys = Array.from({ length: between(random, 1, 2) }, () => between(random, 0, KEYS - 1))
  const names = [...new Set(keys)].toSorted((a, b) => a - b).map((number) => `key-${number}`)
  const isForNothing = random() < 0.05
  const fate = fateOf(random())
  await db.transaction().execute(async (trx) => {
    for (const key of names) {
      const { rows } = await sql<{ n: number }>`update counter set n = n + 1 where key = ${key}
        returning n`.execute(trx)
      await bus.outbox(trx).publish(Moved, { key, n: rows[0]?.n ?? 0, fate })
    }
    await probe('writer.written')
    if (isForNothing) throw new Error('rolled back')
  })
  await probe('writer.committed')
}

function fateOf(chance: number): Step['fate'] {
  if (chance < 0.9) return 'plain'
  if (chance < 0.98) return 'flaky'
  return chance < 0.985 ? 'hopeless' : chance < 0.995 ? 'refused' : 'plain'
}

async function drain(): Promise<void> {
  const drained = await bus.drain({ deadlineMs: 20_000 })
  const { consumers, relays } = bus.health()
  process.send?.({ ended: { drained, consumers, relays } })
  process.exit()
}

process.on('SIGTERM', () => void drain())
process.on('disconnect', () => process.exit())
process.on('message', (message: { target?: number }) => {
  if (message.target !== undefined) target = message.target
})
if (settings.role === 'relay') {
  // Half of the partitions each: both are at work.
  // The verdict reads from the outbox what was sent.
  const retentionMs = 86_400_000
  bus.relay({ leaseMs: 1_000, partitions: 8, pollMs: 50, batchSize: 100, retentionMs }).start()
}
if (settings.role === 'worker') consume()
if (settings.role === 'writer') void write(seeded(settings.seed))
process.send?.({ ready: true })
