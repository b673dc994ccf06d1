// `order: 'key'` at a real broker: failures, a lost channel, a lost database connection, a drain and a
// second process. What is looked at is the order in which the effects of each key were committed.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus, Consumer, ConsumerOptions, TransactionContext } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

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

type Inside = (text: string, context: TransactionContext<any>) => Promise<void>

/** A bus with one ordered consumer whose effects are the texts of its messages. */
async function start(
  inside: Inside,
  options: Partial<ConsumerOptions> = {},
): Promise<{ bus: Bus; consumer: Consumer<any> }> {
  const bus = world.bus({ broker: { url: proxy.url, heartbeatS: 1 } })
  const consumer = bus
    .consumer({
      name: 'notes',
      queue: world.queue,
      messages: [NoteWritten],
      order: 'key',
      retry: { attempts: 3, delaysMs: [200] },
      ...options,
    })
    .handle(NoteWritten, async (message, context) => {
      await inside(message.data.text, context)
      await leaveEffect(context.trx, message.id, message.data.text)
    })
  await bus.topology.apply()
  await consumer.start()
  return { bus, consumer }
}

async function publish(bus: Bus, texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    await bus.publish(NoteWritten, { subject: text.slice(0, 1), text }, { id: text })
  }
}

function ofKey(key: string, effects: readonly string[]): string[] {
  return effects.filter((effect) => effect.startsWith(key))
}

/** `a00 b00 c00 a01 …` */
function roundRobin(keys: string, each: number): string[] {
  const numbers = Array.from({ length: each }, (_, index) => `${index}`.padStart(2, '0'))
  return numbers.flatMap((number) => keys.split('').map((key) => key + number))
}

function inOrder(keys: string, each: number, effects: readonly string[]): void {
  for (const key of keys.split('')) expect(ofKey(key, effects)).toEqual(roundRobin(key, each))
}

describe("order: 'key'", () => {
  it('QUEUE-29 tries a failed message again before its successors, while other keys go on', async () => {
    const attempts: number[] = []
    let succeed = false
    const { bus, consumer } = await start(
      async (text, { attempt }) => {
        if (text !== 'a00' || succeed) return
        attempts.push(attempt)
        throw new Error('not yet')
      },
      { retry: { attempts: 100, delaysMs: [20] }, deadlineMs: 5_000 },
    )
    await publish(bus, ['a00', 'a01', 'b00', 'b01', 'a02', 'b02'])
    expect(await world.waitForEffects(3)).toEqual(['b00', 'b01', 'b02'])
    await waitFor(() => attempts.length >= 3)
    expect(attempts.slice(0, 3)).toEqual([1, 2, 3])
    expect(consumer.health().lanes).toMatchObject({
      active: 1,
      blockedCount: 1,
      blocked: [{ key: 'a', failedAttempts: expect.any(Number), waiting: 2 }],
      starved: false,
    })
    const counted = await sql<{ failed: number }>`
      select failed from queue.attempt where message_id = 'a00'`.execute(world.db)
    expect(counted.rows[0]?.failed).toBeGreaterThanOrEqual(2)
    succeed = true
    inOrder('ab', 3, await world.waitForEffects(6))
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ delivered: 6, committed: 6, retried: 0 })
    const left = await sql`select 1 from queue.attempt`.execute(world.db)
    expect(left.rows).toEqual([])
  })

  it('QUEUE-29 parks a message after its last attempt, and its successors go on without it', async () => {
    const { bus, consumer } = await start(async (text) => {
      if (text === 'a00') throw new Error('never')
    })
    await publish(bus, ['a00', 'a01', 'a02'])
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers).toMatchObject({
      'payflow-reason': 'attempts-exhausted',
      'payflow-attempts': 3,
    })
    expect(await world.waitForEffects(2)).toEqual(['a01', 'a02'])
    expect(consumer.health()).toMatchObject({
      counts: { parked: 1, committed: 2 },
      lanes: { active: 0, blockedCount: 0 },
    })
    expect(world.eventsOf('message.retried').map(({ delayMs }) => delayMs)).toEqual([200, 200])
  })

  it('QUEUE-08 QUEUE-29 keeps the order over a lost connection, also of what was to be retried', async () => {
    const failed = new Set<string>()
    const { bus, consumer } = await start(async (text) => {
      if (!text.endsWith('3') || failed.has(text)) return
      failed.add(text)
      throw new Error('once')
    })
    const texts = roundRobin('abcd', 20)
    await publish(bus, texts.slice(0, 40))
    await waitFor(() => failed.size > 2)
    proxy.cut()
    await waitFor(() => bus.health().consume.generation === 2)
    await publish(bus, texts.slice(40))
    inOrder('abcd', 20, await world.waitForEffects(80, 40_000))
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts.parked).toBe(0)
  })

  it('QUEUE-08 QUEUE-29 keeps the order when a rotation ends the old channel before the new is open', async () => {
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    let firstTry = true
    const { bus, consumer } = await start(async (text) => {
      if (text !== 'a00' || !firstTry) return
      await held
      firstTry = false
      throw new Error('once')
    })
    await publish(bus, roundRobin('a', 3))
    await waitFor(() => consumer.health().counts.delivered === 3)
    // The next connection gets no answer to its first declaration.
    proxy.holdFrom(world.queue)
    await bus.rotate({ drainMs: 100 })
    await waitFor(() => proxy.holds)
    goOn()
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(await world.effects()).toEqual([])
    proxy.letGo()
    expect(await world.waitForEffects(3)).toEqual(roundRobin('a', 3))
    expect(consumer.health().counts).toMatchObject({ abandoned: 3, committed: 3 })
  })

  it('QUEUE-32 a pause and a rotation both end when the work in hand does', async () => {
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    let atWork = 0
    const { bus, consumer } = await start(async () => {
      atWork += 1
      await held
    })
    await publish(bus, roundRobin('a', 3))
    await waitFor(() => atWork === 1 && consumer.health().counts.delivered === 3)
    const finished: string[] = []
    const first = consumer.pause()
    expect(consumer.pause()).toBe(first)
    void first.then(() => finished.push('first'))
    const rotated = bus.rotate()
    await waitFor(() => bus.health().consume.generation === 2)
    await consumer.resume()
    void consumer.pause().then(() => finished.push('second'))
    expect(finished).toEqual([])
    goOn()
    await waitFor(() => finished.length === 2)
    await rotated
    expect(consumer.health().state).toBe('paused')
    expect(await world.effects()).toEqual(['a00'])
    await waitFor(async () => (await world.ready()) === 2)
    await consumer.resume()
    expect(await world.waitForEffects(3)).toEqual(roundRobin('a', 3))
  })

  it('QUEUE-15 QUEUE-29 keeps the order when its database connections are cut', async () => {
    let cuts = 0
    const { bus, consumer } = await start(async (text, { trx }) => {
      if (!text.endsWith('2') || cuts >= 3) return
      cuts += 1
      await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database()
          and (state = 'idle in transaction' or pid = pg_backend_pid())`.execute(trx)
    })
    await publish(bus, roundRobin('abc', 12))
    inOrder('abc', 12, await world.waitForEffects(36, 40_000))
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(world.eventsOf('consumer.paused').length).toBeGreaterThan(0)
    const { counts } = consumer.health()
    expect(counts).toMatchObject({ retried: 0, parked: 0 })
    const { committed, duplicate, released, abandoned } = counts
    expect(counts.delivered).toBe(committed + duplicate + released + abandoned)
  })

  it('QUEUE-29 QUEUE-32 a drain hands over to another consumer in order', async () => {
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    const begun: string[] = []
    const first = await start(async (text) => {
      begun.push(text)
      await held
    })
    await publish(first.bus, roundRobin('ab', 5))
    await waitFor(() => begun.length === 2)
    const second = await start(async () => {})
    await waitFor(() => second.consumer.health().state === 'running')
    const draining = first.bus.drain({ deadlineMs: 20_000 })
    await publish(second.bus, ['a05', 'b05'])
    // Still ours: the other one gets nothing before we are done with what is in hand.
    expect(second.consumer.health().counts.delivered).toBe(0)
    goOn()
    expect(await draining).toMatchObject({ finished: 2, abandoned: 0 })
    inOrder('ab', 6, await world.waitForEffects(12))
    expect(second.consumer.health().counts.delivered).toBe(10)
    expect(begun.toSorted()).toEqual(['a00', 'b00'])
  })

  it('QUEUE-29 a drain that runs out of time leaves everything to the next consumer, in order', async () => {
    const first = await start(async (text) => {
      if (text === 'a02') await new Promise(() => {})
    })
    await publish(first.bus, roundRobin('ab', 5))
    await waitFor(async () => (await world.effects()).length === 7)
    expect(await first.bus.drain({ deadlineMs: 100 })).toMatchObject({ abandoned: 1 })
    const second = await start(async () => {})
    inOrder('ab', 5, await world.waitForEffects(10))
    expect(second.consumer.health().counts.delivered).toBe(3)
    const failed = await sql`select 1 from queue.attempt where failed > 0`.execute(world.db)
    expect(failed.rows).toEqual([])
  })

  it('says what to do about a queue that exists without the single active consumer', async () => {
    const bus = world.bus({
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: world.queue, types: ['notes.written'] }],
      },
    })
    await bus.topology.apply()
    bus.consumer({ name: 'n', queue: world.queue, messages: [NoteWritten], order: 'key' })
    await expect(bus.topology.apply()).rejects.toMatchObject({
      code: 'QUEUE_TOPOLOGY_MISMATCH',
      message: expect.stringContaining("order: 'key'"),
    })
  })

  it('QUEUE-24 refuses attempts and delays that outlive the patience of the broker', () => {
    const bus = world.bus()
    const options = { queue: 'q', messages: [NoteWritten], order: 'key' } as const
    const refused: Partial<ConsumerOptions>[] = [
      { retry: { delaysMs: [300_000] } },
      { deadlineMs: 400_000 },
      { retry: { attempts: 100 } },
    ]
    for (const [index, option] of refused.entries()) {
      expect(() => bus.consumer({ name: `n${index}`, ...options, ...option })).toThrow(
        expect.objectContaining({ code: 'QUEUE_INVALID_OPTIONS' }),
      )
    }
    expect(() => bus.consumer({ name: 'fine', ...options })).not.toThrow()
  })
})
