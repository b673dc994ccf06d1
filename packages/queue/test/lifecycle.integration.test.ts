// Starting, stopping and coming back, by the connection, the channel and the queue.
import { connect } from 'amqplib'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus, Consumer } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

/** The class and the method of the frame that subscribes: 60 and 20. */
const BASIC_CONSUME = '\0\u003c\0\u0014'

let world: World
let proxy: Proxy
beforeEach(async () => {
  world = await createWorld()
  proxy = await Proxy.to(world.rabbitmqUrl)
})
afterEach(async () => {
  await world.dispose()
  await proxy[Symbol.asyncDispose]()
})

/** A gate handlers wait at, so that a test knows them to be in the middle of their work. */
function gate(): { pass: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { pass: promise, open: resolve }
}

async function start(
  inside: (id: string, signal: AbortSignal) => Promise<void>,
  concurrency = 4,
): Promise<{ bus: Bus; consumer: Consumer<any> }> {
  const bus = world.bus({ broker: { url: proxy.url, heartbeatS: 1 } })
  const consumer = bus
    .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], concurrency })
    .handle(NoteWritten, async (message, { trx, signal }) => {
      await inside(message.id, signal)
      await leaveEffect(trx, message.id, message.id)
    })
  await consumer.start()
  await bus.topology.apply()
  return { bus, consumer }
}

async function publishMany(bus: Bus, count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `m-${String(index).padStart(3, '0')}`)
  for (const id of ids) await bus.publish(NoteWritten, { subject: id, text: 'x' }, { id })
  return ids
}

async function deleteQueue(queue: string): Promise<void> {
  const connection = await connect(world.rabbitmqUrl)
  connection.on('error', () => {})
  const channel = await connection.createChannel()
  await channel.deleteQueue(queue)
  await connection.close()
}

describe('consumer', () => {
  it('QUEUE-08 loses and doubles nothing when its connection drops with messages in work', async () => {
    const { pass, open } = gate()
    const begun = new Set<string>()
    const aborted: string[] = []
    let first = true
    const { bus, consumer } = await start(async (id, signal) => {
      begun.add(id)
      signal.addEventListener('abort', () => aborted.push(id))
      if (first) await pass
    }, 10)
    const ids = await publishMany(bus, 40)
    await waitFor(() => begun.size === 10)
    // The handlers that hold at the gate belong to the first generation and end in the second.
    proxy.cut()
    await waitFor(() => bus.health().consume.generation === 2 && aborted.length === 10)
    first = false
    open()
    await world.waitForEffects(40)
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect((await world.effects()).toSorted()).toEqual(ids)
    await bus.drain()
    expect(await world.ready()).toBe(0)
    const { counts } = consumer.health()
    const settled = counts.committed + counts.duplicate + counts.released + counts.abandoned
    expect(counts.delivered).toBe(settled)
  })

  it.each([
    ['commits', 1, { committed: 1, duplicate: 1 }],
    ['fails', 2, { committed: 1, duplicate: 0 }],
  ] as const)(
    'QUEUE-11 an outage uses up no attempt while a handler that %s is at work',
    async (ending, runs, counts) => {
      const { pass, open } = gate()
      const attempts: number[] = []
      const bus = world.bus({ broker: { url: proxy.url, heartbeatS: 1 } })
      const retry = { attempts: 2, delaysMs: [50] }
      const consumer = bus
        .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], retry })
        .handle(NoteWritten, async (message, { trx, attempt }) => {
          attempts.push(attempt)
          if (attempts.length === 1) await pass
          if (attempts.length === 1 && ending === 'fails') throw new Error('no')
          await leaveEffect(trx, message.id, message.id)
        })
      await consumer.start()
      await bus.topology.apply()
      await publishMany(bus, 1)
      // What has not begun when its channel is lost begins with the redelivery.
      await waitFor(() => attempts.length === 1)
      try {
        for (let delivered = 1; delivered <= 4; delivered += 1) {
          await waitFor(() => consumer.health().counts.delivered === delivered, {
            timeoutMs: 30_000,
          })
          if (delivered < 4) proxy.cut()
        }
        // The last one waits as well, for what the first one is still about to do.
        await waitFor(() => consumer.health().counts.inFlight === 2, { timeoutMs: 30_000 })
      } finally {
        open()
      }
      await waitFor(() => consumer.health().counts.inFlight === 0, { timeoutMs: 30_000 })
      expect(attempts).toEqual([1, 2].slice(0, runs))
      expect(await world.effects()).toEqual(['m-000'])
      expect(consumer.health().counts).toMatchObject({ ...counts, retried: 0, parked: 0 })
      expect(await world.ready(`${world.queue}.parked`)).toBe(0)
      expect((await sql`select * from queue.attempt`.execute(world.db)).rows).toEqual([])
    },
  )

  it('QUEUE-16 a pool too small for its concurrency burns no attempt', async () => {
    const pool = new pg.Pool({
      connectionString: world.database.url,
      max: 2,
      connectionTimeoutMillis: 100,
    })
    const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
    const bus = world.bus({ db })
    const consumer = bus
      .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], concurrency: 8 })
      .handle(NoteWritten, async (message, { trx }) => {
        await sql`select pg_sleep(0.15)`.execute(trx)
        await leaveEffect(trx, message.id, message.id)
      })
    await bus.topology.apply()
    await consumer.start()
    const ids = await publishMany(bus, 12)
    await world.waitForEffects(12, 40_000)
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect((await world.effects()).toSorted()).toEqual(ids)
    expect(world.eventsOf('consumer.paused').length).toBeGreaterThan(0)
    expect(consumer.health().counts).toMatchObject({ retried: 0, parked: 0 })
    await bus.drain()
    await db.destroy()
  })

  it('QUEUE-14 notices a connection that went silent by its heartbeat, and comes back', async () => {
    const { bus, consumer } = await start(async () => {})
    await waitFor(() => consumer.health().state === 'running')
    proxy.silence()
    await waitFor(() => bus.health().consume.generation === 2, { timeoutMs: 30_000 })
    await waitFor(() => consumer.health().state === 'running')
    await publishMany(bus, 1)
    expect(await world.waitForEffects(1)).toEqual(['m-000'])
  })

  it('QUEUE-23 comes back when its queue is deleted under it, and declares it again', async () => {
    const { bus, consumer } = await start(async () => {})
    await waitFor(() => consumer.health().state === 'running')
    await deleteQueue(world.queue)
    await waitFor(() => world.eventsOf('consumer.interrupted').length > 0)
    expect(world.eventsOf('consumer.interrupted')[0]).toMatchObject({ reason: 'cancelled' })
    await waitFor(() => consumer.health().state === 'running')
    await publishMany(bus, 1)
    expect(await world.waitForEffects(1)).toEqual(['m-000'])
    expect(bus.health().consume.generation).toBe(1)
  })

  it('QUEUE-32 drain finishes what is in work, gives back the rest and acknowledges', async () => {
    const { pass, open } = gate()
    const begun = new Set<string>()
    const { bus, consumer } = await start(async (id) => {
      begun.add(id)
      await pass
    }, 2)
    await publishMany(bus, 10)
    await waitFor(() => begun.size === 2 && consumer.health().counts.delivered === 4)
    const draining = bus.drain({ deadlineMs: 10_000 })
    await waitFor(() => consumer.health().counts.released === 2)
    open()
    expect(await draining).toEqual({ finished: 2, released: 2, abandoned: 0 })
    expect(await world.effects()).toHaveLength(2)
    expect(await world.ready()).toBe(8)
    expect(bus.health()).toMatchObject({ live: false, ready: false })
  })

  it('QUEUE-32 drain gives up on a handler at its deadline, and the message comes again', async () => {
    const reasons: string[] = []
    const { bus, consumer } = await start(async (_id, signal) => {
      signal.addEventListener('abort', () => reasons.push((signal.reason as Error).message))
      await new Promise(() => {})
    }, 1)
    await publishMany(bus, 1)
    await waitFor(() => consumer.health().counts.delivered === 1)
    expect(await bus.drain({ deadlineMs: 200 })).toMatchObject({ finished: 0, abandoned: 1 })
    expect(reasons).toHaveLength(1)
    expect(await world.ready()).toBe(1)
    const attempts = await sql`select failed from queue.attempt where failed > 0`.execute(world.db)
    expect(attempts.rows).toEqual([])
    const seen: unknown[] = []
    const next = world.bus()
    await next
      .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten] })
      .handle(NoteWritten, async (message, { attempt, redelivered }) => {
        seen.push(message.id, attempt, redelivered)
      })
      .start()
    await waitFor(() => seen.length > 0)
    expect(seen).toEqual(['m-000', 2, true])
  })

  it.each(['paused', 'paused, resumed and paused'])(
    'takes nothing when it is %s before the broker has answered its subscription',
    async (how) => {
      proxy.holdFrom(BASIC_CONSUME)
      const { bus, consumer } = await start(async () => {})
      await publishMany(bus, 3)
      await waitFor(() => proxy.holds)
      const pausing = [consumer.pause()]
      if (how !== 'paused') {
        void consumer.resume()
        pausing.push(consumer.pause())
      }
      proxy.letGo()
      await Promise.all(pausing)
      const channel = await world.channel()
      expect(await channel.checkQueue(world.queue)).toMatchObject({ consumerCount: 0 })
      await waitFor(async () => (await world.ready()) === 3)
      expect(consumer.health()).toMatchObject({ state: 'paused', counts: { committed: 0 } })
      expect(consumer.health().counts.delivered).toBeLessThan(100)
      expect(world.eventsOf('consumer.running')).toEqual([])
      await consumer.resume()
      await world.waitForEffects(3)
      expect(consumer.health().state).toBe('running')
      expect(await channel.checkQueue(world.queue)).toMatchObject({ consumerCount: 1 })
    },
  )

  it('QUEUE-32 a drain that finds its subscription unanswered leaves all to the queue', async () => {
    proxy.holdFrom(BASIC_CONSUME)
    const { bus, consumer } = await start(async () => {})
    await publishMany(bus, 3)
    await waitFor(() => proxy.holds)
    const draining = bus.drain({ deadlineMs: 10_000 })
    proxy.letGo()
    expect(await draining).toMatchObject({ finished: 0, abandoned: 0 })
    expect(consumer.health().counts.delivered).toBeLessThan(100)
    await waitFor(async () => (await world.ready()) === 3)
  })

  it('drains at any moment of its start', async () => {
    for (const turns of [0, 1, 3, 10, 30, 100]) {
      const bus = world.bus()
      const consumer = bus
        .consumer({ name: 'brief', queue: world.queue, messages: [NoteWritten] })
        .handle(NoteWritten, async () => {})
      const relay = bus.relay()
      await consumer.start()
      relay.start()
      for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
      const startedAt = performance.now()
      await bus.drain({ deadlineMs: 20_000 })
      expect(performance.now() - startedAt).toBeLessThan(10_000)
    }
  })
})
