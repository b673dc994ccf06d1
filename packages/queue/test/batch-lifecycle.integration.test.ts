// What a batch does when its time runs out, when the database or the channel goes away under it, and
// when another process holds some of its messages: effects once, and no try burnt that was nobody's.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { insertInboxBatch } from '../src/postgres/insert-inbox-batch.ts'
import { queryThrough } from '../src/postgres/query.ts'
import type { Bus } from '../src/index.ts'
import {
  batchConsumer,
  createBatchWorld,
  inboxIds,
  letters,
  note,
  parked,
  publishAll,
  settledAll,
  transactions,
  works,
} from './support/batches.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
beforeEach(async () => {
  ;({ world, bus } = await createBatchWorld())
})
afterEach(async () => {
  await world.dispose()
})

const sorted = async (): Promise<string[]> => (await world.effects()).toSorted()

/** Hangs as long as it may. */
async function untilAborted(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
}

async function attempts(): Promise<unknown[]> {
  return (await sql`select * from queue.attempt`.execute(world.db)).rows
}

describe('a batch whose time runs out', () => {
  it('commits what is done at its deadline; of the rest only the slow one has failed', async () => {
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world, { deadlineMs: 1_500 }).handle(
      NoteWritten,
      async (message, context) => {
        await works(message, context)
        if (message.data.text !== 'd') return
        await untilAborted(context.signal)
      },
    )
    await consumer.start()
    expect(await parked(world, 1)).toEqual({ d: 'attempts-exhausted' })
    await settledAll(consumer, 13)
    expect((await transactions(world))[0]).toBe('abc')
    expect(await sorted()).toEqual(Array.from('abcefgh'))
    const counts = { delivered: 13, committed: 7, parked: 1, released: 5, retried: 0 }
    expect(consumer.health().counts).toMatchObject(counts)
  })

  it('QUEUE-27 lets handleBatch go through with the others when one message hangs', async () => {
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world, { deadlineMs: 1_500 })
    consumer.handleBatch(NoteWritten, async (messages, { trx }) => {
      for (const { id, data } of messages) {
        await leaveEffect(trx, id, data.text)
        if (data.text === 'd') await new Promise(() => {})
      }
    })
    await consumer.start()
    expect(await parked(world, 1)).toEqual({ d: 'attempts-exhausted' })
    await settledAll(consumer, 16)
    expect(await sorted()).toEqual(Array.from('abcefgh'))
    expect(consumer.health().counts).toMatchObject({ committed: 7, parked: 1, released: 8 })
  })

  it('QUEUE-32 finishes a batch at a drain, and gives back what it has not begun', async () => {
    await publishAll(bus, [...letters, 'x', 'y'])
    const reached = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const consumer = batchConsumer(bus, world).handle(NoteWritten, async (message, context) => {
      await works(message, context)
      reached.resolve()
      await gate.promise
    })
    await consumer.start()
    await reached.promise
    await waitFor(() => consumer.health().counts.delivered === 10)
    const drained = bus.drain({ deadlineMs: 10_000 })
    await waitFor(() => consumer.health().state === 'draining')
    gate.resolve()
    expect(await drained).toEqual({ finished: 8, released: 2, abandoned: 0 })
    expect(await transactions(world)).toEqual(['abcdefgh'])
    expect(await world.ready()).toBe(2)
  })

  it('QUEUE-32 commits what is done when a drain runs out of time, and gives back the rest', async () => {
    await publishAll(bus, letters)
    const reached = Promise.withResolvers<void>()
    const consumer = batchConsumer(bus, world).handle(NoteWritten, async (message, context) => {
      if (message.data.text === 'd') {
        reached.resolve()
        await new Promise(() => {})
      }
      await works(message, context)
    })
    await consumer.start()
    await reached.promise
    const result = await bus.drain({ deadlineMs: 100 })
    expect(result).toEqual({ finished: 3, released: 5, abandoned: 8 })
    expect(await transactions(world)).toEqual(['abc'])
    await waitFor(async () => (await world.ready()) === 5)
    expect(await attempts()).toEqual([])
  })
})

describe('a batch and what it depends on', () => {
  it('QUEUE-15 gives all of it back uncounted when the database goes away under it', async () => {
    await publishAll(bus, letters)
    let killed = false
    const consumer = batchConsumer(bus, world, { retry: { attempts: 2, delaysMs: [20] } })
    consumer.handle(NoteWritten, async (message, context) => {
      await works(message, context)
      if (message.data.text !== 'e' || killed) return
      killed = true
      await sql`select pg_terminate_backend(pg_backend_pid())`.execute(context.trx)
    })
    await consumer.start()
    await settledAll(consumer, 16)
    expect(await sorted()).toEqual(letters)
    expect(world.eventsOf('consumer.paused')).toHaveLength(1)
    const counts = { committed: 8, released: 8, retried: 0, parked: 0 }
    expect(consumer.health().counts).toMatchObject(counts)
    expect(await attempts()).toEqual([])
  })

  it('QUEUE-04 does nothing twice when the answer to its COMMIT is lost', async () => {
    await using wire = await Proxy.to(world.database.url)
    const pool = new pg.Pool({ connectionString: wire.url, max: 4 })
    pool.on('error', () => {})
    pool.on('connect', (client) => client.on('error', () => {}))
    const other = world.bus({ db: new Kysely<any>({ dialect: new PostgresDialect({ pool }) }) })
    await publishAll(bus, letters)
    let armed = false
    const consumer = batchConsumer(other, world).handle(NoteWritten, async (message, context) => {
      await works(message, context)
      if (message.data.text !== 'h' || armed) return
      armed = true
      wire.loseAnswersAfter('commit')
    })
    await consumer.start()
    await waitFor(async () => (await world.effects()).length === 8)
    wire.cut()
    await settledAll(consumer, 8)
    expect(await transactions(world)).toEqual(['abcdefgh'])
    // Asked on another connection, the database says that it was committed.
    expect(consumer.health().counts).toMatchObject({ delivered: 8, committed: 8, released: 0 })
    await other.drain()
    await pool.end()
  })

  it.each([
    ['the first SAVEPOINT', 'savepoint payflow_message'],
    ['RELEASE', 'release savepoint'],
    ['ROLLBACK TO', 'rollback to savepoint'],
    ['DELETE of a claim', 'delete from "queue".inbox'],
  ])('QUEUE-41 commits nothing when %s is executed after its time-out', async (_, word) => {
    await using wire = await Proxy.to(world.database.url)
    const pool = new pg.Pool({ connectionString: wire.url, max: 4, query_timeout: 2_000 })
    pool.on('error', () => {})
    const unanswered: string[] = []
    const db = new Kysely<any>({
      dialect: new PostgresDialect({ pool }),
      log: ({ level, query }) => {
        if (level !== 'error' || !wire.holds) return
        // The driver has given up on the answer; only now does the server get the statement.
        unanswered.push(query.sql)
        wire.letGo()
      },
    })
    const other = world.bus({ db })
    await publishAll(bus, letters)
    let failed = false
    const consumer = batchConsumer(other, world, { retry: { attempts: 3, delaysMs: [20] } })
    consumer.handle(NoteWritten, async (message, context) => {
      await works(message, context)
      if (message.data.text !== 'c' || failed) return
      failed = true
      throw new Error('once')
    })
    wire.holdFrom(word)
    await consumer.start()
    await waitFor(() => consumer.health().counts.committed >= 8, { timeoutMs: 30_000 })
    expect(unanswered).toEqual([expect.stringContaining(word)])
    expect(await sorted()).toEqual(letters)
    expect(world.eventsOf('consumer.paused')).toHaveLength(1)
    expect(consumer.health().counts).toMatchObject({ committed: 8, released: 8, parked: 0 })
    expect(await attempts()).toEqual([])
    await other.drain()
    await pool.end()
  })

  it('QUEUE-08 commits what it has begun when its channel dies, and does it once', async () => {
    await using wire = await Proxy.to(world.rabbitmqUrl)
    const other = world.bus({ broker: { url: wire.url, heartbeatS: 1 } })
    await publishAll(bus, letters)
    const reached = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const consumer = batchConsumer(other, world, { concurrency: 2 })
    consumer.handle(NoteWritten, async (message, context) => {
      await works(message, context)
      if (message.data.text !== 'e') return
      reached.resolve()
      await gate.promise
    })
    await consumer.start()
    await reached.promise
    wire.cut()
    await waitFor(() => world.eventsOf('consumer.interrupted').length > 0)
    gate.resolve()
    await settledAll(consumer, 16)
    expect(await transactions(world)).toEqual(['abcdefgh'])
    expect(await inboxIds(world)).toEqual(letters)
    expect(consumer.health().counts).toMatchObject({ committed: 8, duplicate: 8 })
    await waitFor(async () => (await world.ready()) === 0)
  })

  it('QUEUE-10 acknowledges no delivery below its own that is still in hand', async () => {
    const begun = Promise.withResolvers<void>()
    const batch = { size: letters.length, waitMs: 50 }
    const consumer = batchConsumer(bus, world, { concurrency: 2, batch })
    consumer.handle(NoteWritten, async (message, context) => {
      if (message.data.text === 'slow') {
        begun.resolve()
        await untilAborted(context.signal)
      }
      await works(message, context)
    })
    const sender = world.bus()
    await consumer.start()
    await publishAll(sender, ['slow'])
    await begun.promise
    await publishAll(sender, letters)
    await waitFor(() => consumer.health().counts.committed === 8)
    expect(await bus.drain({ deadlineMs: 100 })).toMatchObject({ released: 1 })
    expect((await world.take(world.queue)).properties.messageId).toBe('slow')
    expect(await world.ready()).toBe(0)
    expect(await sorted()).toEqual(letters)
  })

  it('claims inbox rows in one order, so two processes with common messages never deadlock', async () => {
    // Slow enough that two statements in opposite orders would meet in the middle.
    await sql`create function slow() returns trigger language plpgsql as
      $$ begin perform pg_sleep(0.02); return new; end $$`.execute(world.db)
    await sql`create trigger slow before insert on queue.inbox for each row execute function slow()`.execute(
      world.db,
    )
    const entries = letters.map((id) => ({ id, hash: Buffer.from(id) }))
    const claim = (mine: typeof entries): Promise<string[]> =>
      world.db.transaction().execute(async (trx) => {
        const seen = await insertInboxBatch(queryThrough(trx), 'queue', 'notes', mine)
        return [...seen].filter(([, verdict]) => verdict === 'new').map(([id]) => id)
      })
    const [first, second] = await Promise.all([claim(entries), claim(entries.toReversed())])
    expect([...first, ...second].toSorted()).toEqual(letters)
  })

  it('QUEUE-06 runs its members in the order of their keys, so that batches do not deadlock', async () => {
    await sql`create table account (id text primary key, n int not null default 0)`.execute(
      world.db,
    )
    await sql`insert into account select * from unnest(${letters}::text[])`.execute(world.db)
    const runs: string[] = []
    const consumer = batchConsumer(bus, world, { concurrency: 2, prefetch: 16 })
    consumer.handle(NoteWritten, async ({ data: { subject } }, { trx }) => {
      runs.push(subject)
      await sql`update account set n = n + 1 where id = ${subject}`.execute(trx)
      await sql`select pg_sleep(0.02)`.execute(trx)
    })
    for (const subject of [...letters, ...letters.toReversed()]) {
      await bus.publish(NoteWritten, note(subject, subject))
    }
    await consumer.start()
    await settledAll(consumer, 16)
    expect(runs).toHaveLength(16)
    expect(runs.toSorted()).toEqual([...letters, ...letters].toSorted())
    expect(consumer.health().counts).toMatchObject({ committed: 16 })
  })

  it('sends what its members publish, in order and once, and lets one cancel what another said', async () => {
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world)
    const cancelled: boolean[] = []
    consumer.handle(NoteWritten, async (message, { trx, outbox }) => {
      await leaveEffect(trx, message.id, message.data.text)
      await outbox.publish(NoteFiled, message.data, { id: `${message.id}-filed` })
      if (message.data.text === 'c') cancelled.push(await outbox.cancel('a-filed'))
      if (message.data.text === 'e') {
        cancelled.push(await outbox.cancel('b-filed'))
        throw new Error('so b-filed is to be sent after all')
      }
      if (message.data.text === 'h') await outbox.publish(NoteFiled, note('x'), { id: 'h-too' })
    })
    await consumer.start()
    await settledAll(consumer, 8)
    const { rows } = await sql<{ id: string }>`select id from queue.outbox order by seq`.execute(
      world.db,
    )
    expect(cancelled).toEqual([true, true])
    const filed = ['b', 'c', 'd', 'f', 'g', 'h'].map((letter) => `${letter}-filed`)
    expect(rows.map(({ id }) => id)).toEqual([...filed, 'h-too'])
  })
})
