// The edges of a transaction: the answer to COMMIT is lost, BEGIN comes too late, or somebody else's
// transaction is still open on the connection. A wire between pool and server is held or cut.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus, Consumer, ConsumerOptions, TransactionContext } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let wire: Proxy
let pool: pg.Pool
beforeEach(async () => {
  world = await createWorld()
  wire = await Proxy.to(world.database.url)
})
afterEach(async () => {
  await wire[Symbol.asyncDispose]()
  await world.dispose()
  await pool.end()
})

async function start(
  inside: (context: TransactionContext<any>, text: string) => Promise<void>,
  config: pg.PoolConfig = {},
  options: Partial<ConsumerOptions> = {},
): Promise<{ bus: Bus; consumer: Consumer<any> }> {
  pool = new pg.Pool({ connectionString: wire.url, max: 4, ...config })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  const bus = world.bus({ db })
  const consumer = bus
    .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], ...options })
    .handle(NoteWritten, async (message, context) => {
      await inside(context, message.data.text)
      await leaveEffect(context.trx, message.id, message.data.text)
    })
  await consumer.start()
  await bus.topology.apply()
  await waitFor(() => consumer.health().state === 'running')
  return { bus, consumer }
}

async function publish(bus: Bus, ...texts: string[]): Promise<void> {
  for (const text of texts) await bus.publish(NoteWritten, { subject: 's', text }, { id: text })
}

/** With the zero that ends a statement, for "read committed" is said before. */
const COMMIT = 'commit\0'

describe('a transaction whose COMMIT gets no answer', () => {
  it('QUEUE-04 was committed: acknowledged, and not run again', async () => {
    let runs = 0
    const { bus, consumer } = await start(async () => {
      runs += 1
    })
    wire.loseAnswersAfter(COMMIT)
    await publish(bus, 'once')
    // Committed, as another connection sees; the worker waits for an answer that never comes.
    await world.waitForEffects(1)
    expect(consumer.health().counts).toMatchObject({ inFlight: 1, committed: 0 })
    wire.cut()
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ delivered: 1, committed: 1 })
    expect(runs).toBe(1)
    expect(await world.effects()).toEqual(['once'])
    expect(world.eventsOf('consumer.paused')).toEqual([])
  })

  it('QUEUE-04 was aborted: given back uncounted, and run again', async () => {
    let runs = 0
    const { bus, consumer } = await start(
      async () => {
        runs += 1
      },
      {},
      { retry: { attempts: 1 } },
    )
    wire.holdFrom(COMMIT)
    await publish(bus, 'once')
    await waitFor(() => wire.holds)
    wire.dropHeld()
    expect(await world.waitForEffects(1)).toEqual(['once'])
    await waitFor(() => consumer.health().counts.committed === 1)
    expect(consumer.health().counts).toMatchObject({ released: 1, retried: 0, parked: 0 })
    expect(runs).toBe(2)
    await waitFor(async () => {
      const { rows } = await sql`select 1 from queue.attempt`.execute(world.db)
      return rows.length === 0
    })
  })

  it('QUEUE-04 is in progress: asked until it has ended, here by a commit', async () => {
    let runs = 0
    const { bus, consumer } = await start(async () => {
      runs += 1
    })
    wire.holdFrom(COMMIT)
    await publish(bus, 'once')
    await waitFor(() => wire.holds)
    wire.cutHeldClient()
    // The question waits for the transaction in doubt.
    await waitFor(async () => {
      const { rows } = await sql`select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(world.db)
      return rows.length === 1
    })
    expect(consumer.health().counts.inFlight).toBe(1)
    wire.letGo()
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ delivered: 1, committed: 1 })
    expect(runs).toBe(1)
    expect(await world.effects()).toEqual(['once'])
  })

  it('QUEUE-04 is in progress for too long: left unacknowledged, and done once in the end', async () => {
    const { bus, consumer } = await start(async () => {})
    wire.holdFrom(COMMIT)
    await publish(bus, 'once')
    await waitFor(() => wire.holds)
    wire.cutHeldClient()
    await waitFor(() => consumer.health().counts.released === 1, { timeoutMs: 30_000 })
    expect(await world.effects()).toEqual([])
    wire.dropHeld()
    expect(await world.waitForEffects(1)).toEqual(['once'])
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ committed: 1, retried: 0, parked: 0 })
  })
})

describe('bus.reconcile after a COMMIT that got no answer', () => {
  it('QUEUE-04 may find one commit counted by two, and says that it may be that', async () => {
    const { bus, consumer } = await start(async () => {})
    wire.holdFrom(COMMIT)
    await publish(bus, 'once')
    await waitFor(() => wire.holds)
    const paused = consumer.pause()
    // The copy waits for the transaction in doubt, and commits when the server has given that up.
    const other = world.bus()
    const twin = other
      .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten] })
      .handle(NoteWritten, (message, { trx }) => leaveEffect(trx, message.id, message.data.text))
    await twin.start()
    await publish(other, 'once')
    await waitFor(() => twin.health().counts.inFlight === 1)
    wire.abortHeld()
    await waitFor(() => twin.health().counts.committed === 1)
    wire.cut()
    await waitFor(() => consumer.health().counts.committed === 1)
    await paused
    expect(await world.effects()).toEqual(['once'])
    await Promise.all([bus.drain(), other.drain()])
    expect(await world.bus().reconcile()).toMatchObject({
      differences: [
        {
          kind: 'inbox-missing',
          expected: 2,
          found: 1,
          meaning: expect.stringContaining('COMMIT'),
        },
      ],
    })
  })
})

describe('a transaction on a connection that is not fresh', () => {
  it('QUEUE-41 commits nothing of a transaction that somebody left open', async () => {
    const { bus, consumer } = await start(async () => {}, { max: 1 })
    const client = await pool.connect()
    await client.query('begin')
    await client.query(`insert into effect (message_id, note) values ('x', 'a stranger')`)
    client.release()
    await publish(bus, 'mine')
    expect(await world.waitForEffects(1)).toEqual(['mine'])
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ committed: 1, retried: 0, parked: 0 })
    const said = expect.stringContaining('had a transaction open already')
    expect(world.eventsOf('consumer.paused')[0]).toMatchObject({ error: { message: said } })
  })

  it('QUEUE-41 gives no connection back on which BEGIN is still to come', async () => {
    const { bus, consumer } = await start(async () => {}, { max: 1, query_timeout: 300 })
    wire.holdFrom('begin isolation')
    await publish(bus, 'mine')
    await waitFor(() => world.eventsOf('consumer.paused').length > 0)
    // Whoever uses the pool now waits until the connection is outside of any transaction.
    const write = pool.query(`insert into effect (message_id, note) values ('x', 'another')`)
    wire.letGo()
    await write
    expect(await world.effects()).toContain('another')
    expect((await world.waitForEffects(2)).toSorted()).toEqual(['another', 'mine'])
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ committed: 1, retried: 0, parked: 0 })
  })
})

describe('isolation', () => {
  it('QUEUE-06 runs a handler again in place when serializable transactions collide', async () => {
    let begun = 0
    const both = Promise.withResolvers<void>()
    const levels = new Set<string>()
    const { bus, consumer } = await start(
      async ({ trx }, text) => {
        const shown = await sql<{ transaction_isolation: string }>`
          show transaction_isolation`.execute(trx)
        levels.add(shown.rows[0]?.transaction_isolation ?? '')
        const { rows } = await sql<{ count: number }>`
          select count(*)::integer as count from effect where message_id = 'sum'`.execute(trx)
        begun += 1
        if (begun === 2) both.resolve()
        await both.promise
        await leaveEffect(trx, 'sum', `${rows[0]?.count} before ${text}`)
      },
      {},
      { isolation: 'serializable', retry: { attempts: 1 } },
    )
    await publish(bus, 'a', 'b')
    await world.waitForEffects(4)
    const sums = (await world.effects()).filter((note) => note.includes('before'))
    expect(sums.map((note) => note.slice(0, 1))).toEqual(['0', '1'])
    expect(begun).toBe(3)
    expect([...levels]).toEqual(['serializable'])
    await waitFor(() => consumer.health().counts.committed === 2)
    expect(consumer.health().counts).toMatchObject({ retried: 0, parked: 0 })
  })

  it('refuses a level that is none', () => {
    pool = new pg.Pool()
    expect(() =>
      world.bus().consumer({
        name: 'n',
        queue: 'q',
        messages: [NoteWritten],
        isolation: 'read committed; commit' as never,
      }),
    ).toThrow(expect.objectContaining({ code: 'QUEUE_INVALID_OPTIONS' }))
  })
})
