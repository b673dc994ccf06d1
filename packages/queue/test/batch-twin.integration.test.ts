// A batch whose COMMIT got no answer, while another process has copies of its messages: whichever of
// them commits, every effect is there once and no message is lost.
// Method: the batch talks to PostgreSQL over a wire that holds its COMMIT, and can take nothing new
// meanwhile; the other process gets what the broker delivers again, or a second copy.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus, Consumer, Reconciliation } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import {
  batchConsumer,
  createBatchWorld,
  letters,
  publishAll,
  transactions,
  works,
} from './support/batches.ts'
import { Proxy } from './support/proxy.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
let database: Proxy
let broker: Proxy
let pool: pg.Pool
/** Has the batch, and its COMMIT on the wire. */
let first: Consumer<any>
let busOfFirst: Bus
beforeEach(async () => {
  ;({ world, bus } = await createBatchWorld())
  database = await Proxy.to(world.database.url)
  broker = await Proxy.to(world.rabbitmqUrl)
  pool = new pg.Pool({ connectionString: database.url, max: 4 })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  await publishAll(bus, letters)
  const options = { prefetch: letters.length }
  busOfFirst = world.bus({ db, broker: { url: broker.url } })
  first = batchConsumer(busOfFirst, world, options)
  first.handle(NoteWritten, async (message, context) => {
    await works(message, context)
    if (message.data.text === 'h') database.holdFrom('commit\0')
  })
  await first.start()
  await waitFor(() => database.holds)
  void first.pause()
})
afterEach(async () => {
  await database[Symbol.asyncDispose]()
  await broker[Symbol.asyncDispose]()
  await world.dispose()
  await pool.end()
})

/** Another process of the same consumer, which handles one message at a time, eight at once. */
async function startTwin(before: (text: string) => Promise<void> = async () => {}) {
  const twin = bus
    .consumer({
      name: 'notes',
      queue: world.queue,
      messages: [NoteWritten],
      concurrency: 8,
      retry: { attempts: 1, delaysMs: [20] },
    })
    .handle(NoteWritten, async (message, context) => {
      await before(message.data.text)
      await works(message, context)
    })
  await twin.start()
  return twin
}

const sorted = async (): Promise<string[]> => (await world.effects()).toSorted()

async function idle(consumer: Consumer<any>): Promise<void> {
  await waitFor(() => consumer.health().counts.inFlight === 0, { timeoutMs: 30_000 })
}

/** The accounts, after both have written theirs down. */
async function reconciled(): Promise<Reconciliation> {
  await busOfFirst.reconcile()
  return await bus.reconcile()
}

async function waitingForALock(count: number): Promise<void> {
  await waitFor(async () => {
    const { rows } = await sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(world.db)
    return rows.length >= count
  })
}

describe('a batch whose COMMIT got no answer, delivered again to another process', () => {
  it('QUEUE-04 QUEUE-08 is done once when the COMMIT arrives while both wait for it', async () => {
    const twin = await startTwin()
    broker.cut()
    await waitFor(() => twin.health().counts.delivered === 8)
    database.cutHeldClient()
    // The question of the first, and as many of the other's as it has connections.
    await waitingForALock(2)
    database.letGo()
    await idle(first)
    await idle(twin)
    expect(await transactions(world)).toEqual([letters.join('')])
    expect(first.health().counts).toMatchObject({ delivered: 8, committed: 8 })
    expect(twin.health().counts).toMatchObject({ delivered: 8, duplicate: 8, parked: 0 })
    expect(await reconciled()).toMatchObject({ balanced: true })
  })

  it('QUEUE-04 QUEUE-08 is done once when the other has done it all before it asks', async () => {
    const twin = await startTwin()
    broker.cut()
    await waitFor(() => twin.health().counts.delivered === 8)
    database.abortHeld()
    await waitFor(() => twin.health().counts.committed === 8, { timeoutMs: 30_000 })
    database.cut()
    await idle(first)
    expect(await sorted()).toEqual(letters)
    // It finds the rows of the other and takes them for its own.
    expect(first.health().counts).toMatchObject({ delivered: 8, committed: 8 })
    expect(await world.ready()).toBe(0)
    // Which every account shows, and says what it may mean.
    expect(await reconciled()).toMatchObject({
      differences: [
        {
          kind: 'inbox-missing',
          expected: 16,
          found: 8,
          meaning: expect.stringContaining('COMMIT'),
        },
      ],
    })
  })
})

describe('a batch whose COMMIT got no answer, of which another process has copies', () => {
  it('QUEUE-04 gives all of it back when the other has done a part, and the rest is not lost', async () => {
    const twin = await startTwin()
    await publishAll(bus, ['a', 'b', 'c', 'd'])
    await waitFor(() => twin.health().counts.delivered === 4)
    expect(await sorted()).toEqual([])
    database.abortHeld()
    await waitFor(() => twin.health().counts.committed === 4, { timeoutMs: 30_000 })
    database.cut()
    await idle(first)
    expect(first.health().counts).toMatchObject({ delivered: 8, committed: 0, released: 8 })
    await waitFor(() => twin.health().counts.delivered === 12, { timeoutMs: 30_000 })
    await idle(twin)
    expect(await sorted()).toEqual(letters)
    expect(twin.health().counts).toMatchObject({ committed: 8, duplicate: 4, parked: 0 })
    expect(await reconciled()).toMatchObject({ balanced: true })
  })

  it('QUEUE-04 waits for the other at work on its first message, and believes how that ends', async () => {
    const mayEnd = Promise.withResolvers<void>()
    const twin = await startTwin(async (text) => {
      if (text !== 'a') return
      await mayEnd.promise
      throw new Error('no')
    })
    await publishAll(bus, letters)
    await waitFor(() => twin.health().counts.delivered === 8)
    database.abortHeld()
    await waitFor(() => twin.health().counts.committed === 7, { timeoutMs: 30_000 })
    database.cut()
    await waitingForALock(1)
    mayEnd.resolve()
    await idle(first)
    // Its own copy of that one is not done, and nobody else's can stand for it.
    expect(first.health().counts).toMatchObject({ delivered: 8, committed: 0, released: 8 })
    await waitFor(() => twin.health().counts.delivered === 16, { timeoutMs: 30_000 })
    await idle(twin)
    expect(await sorted()).toEqual(letters.slice(1))
    expect(twin.health().counts).toMatchObject({ committed: 7, duplicate: 7, parked: 2 })
    await (await world.channel()).purgeQueue(`${world.queue}.parked`)
  })
})
