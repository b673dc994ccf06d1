// Goal: who may not write is told so, loses nothing, and goes on as soon as the right is there.
// Method: a broker of our own, whose users' rights rabbitmqctl gives and takes.
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startRabbitCluster, uniqueName, waitFor } from '@payflow/testkit'
import type { RabbitCluster, RabbitNode } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { Bus } from '../src/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { createWorld, inTransaction } from './support/world.ts'
import type { World } from './support/world.ts'

let cluster: RabbitCluster
let node: RabbitNode
let world: World
let user: string
beforeAll(async () => {
  cluster = await startRabbitCluster({ nodes: 1 })
  node = cluster.nodes[0] as RabbitNode
})
afterAll(async () => {
  await cluster.stop()
})
beforeEach(async () => {
  world = await createWorld({ rabbitmqUrl: node.url })
  user = uniqueName('user')
  await node.ctl('add_user', user, 'secret')
})
afterEach(async () => {
  await world.dispose()
  await node.ctl('delete_user', user)
})

const note = { subject: 'a', text: 'x' }
const EVERYTHING = '.*'

/** May declare and read all, and write what `pattern` matches. */
async function mayWrite(pattern: string): Promise<void> {
  await node.ctl('set_permissions', user, EVERYTHING, pattern, EVERYTHING)
}

function restrictedBus(): Bus {
  const url = new URL(node.url)
  url.username = user
  url.password = 'secret'
  return world.bus({
    broker: { url: url.href },
    topology: {
      exchange: world.exchange,
      bindings: [{ queue: world.queue, types: ['notes.written', 'notes.filed'] }],
    },
  })
}

/** To declare and bind queues takes the right to write to them, and to what they dead-letter to. */
const itsQueues = (): string => `^(${world.queue}.*|amq\\.default)$`

describe('without the right to write', () => {
  it('bus.publish rejects with the exchange it lacks the right for, until it is given', async () => {
    await mayWrite(itsQueues())
    const bus = restrictedBus()
    await bus.topology.apply()
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, () => bus.publish(NoteWritten, note)),
    )
    for (const result of results) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'QUEUE_ACCESS_REFUSED',
          retryable: false,
          message: expect.stringContaining(`right to write to exchange "${world.exchange}"`),
          cause: { code: 403 },
        },
      })
    }
    expect(await world.ready()).toBe(0)

    await mayWrite(EVERYTHING)
    await bus.publish(NoteWritten, note)
    expect(await world.ready()).toBe(1)
    expect(bus.health().publish).toMatchObject({ generation: 1, state: 'up' })
  })

  it('for one type of messages, another is published or in doubt', async () => {
    await mayWrite(EVERYTHING)
    const bus = restrictedBus()
    await bus.topology.apply()
    await node.ctl('set_topic_permissions', user, world.exchange, '^notes.written$', '.*')
    const [written, filed, after] = await Promise.allSettled([
      bus.publish(NoteWritten, note),
      bus.publish(NoteFiled, note),
      bus.publish(NoteWritten, note),
    ])
    expect(filed).toMatchObject({
      reason: {
        code: 'QUEUE_ACCESS_REFUSED',
        retryable: false,
        message: expect.stringContaining("topic 'notes.filed'"),
      },
    })
    // The channel was closed for all of them.
    for (const { reason } of [written, after].filter((result) => result?.status === 'rejected')) {
      expect(reason).toMatchObject({ code: 'QUEUE_CONFIRM_LOST', retryable: true })
    }
    await expect(bus.publish(NoteWritten, note)).resolves.toBeDefined()
  })

  it('a relay says so, parks no row, and sends them all once the right is there', async () => {
    await mayWrite(itsQueues())
    const bus = restrictedBus()
    await bus.topology.apply()
    for (const text of ['1', '2', '3']) {
      await inTransaction(bus, world.db, (trx) =>
        bus.outbox(trx).publish(NoteWritten, { subject: 'a', text }),
      )
    }
    const relay = bus.relay({ pollMs: 20, maxAttempts: 1 })
    relay.start()
    await waitFor(() => world.eventsOf('relay.failed').length >= 3, { timeoutMs: 30_000 })
    expect(world.eventsOf('relay.failed')[0]).toMatchObject({
      error: { code: 'QUEUE_ACCESS_REFUSED' },
    })
    expect(relay.health().lastError).toContain(world.exchange)
    const states = await sql<{ state: string }>`select state from queue.outbox`.execute(world.db)
    expect(states.rows.map(({ state }) => state)).toEqual(Array(3).fill('pending'))

    await mayWrite(EVERYTHING)
    await waitFor(() => relay.health().confirmed === 3, { timeoutMs: 30_000 })
    const texts = []
    for (let at = 0; at < 3; at += 1) {
      texts.push(JSON.parse((await world.take(world.queue)).content.toString()).text)
    }
    expect(texts).toEqual(['1', '2', '3'])
    expect(world.eventsOf('relay.parked')).toEqual([])
  })

  it('a consumer keeps in hand what it may not park, says so, and parks it later', async () => {
    await mayWrite(EVERYTHING)
    const bus = restrictedBus()
    const consumer = bus
      .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten] })
      .handle(NoteWritten, async () => {
        throw deadLetter('broken')
      })
    await consumer.start()
    await bus.topology.apply()
    await waitFor(() => consumer.health().state === 'running')
    await mayWrite(`^${world.exchange}$`)
    const { id } = await bus.publish(NoteWritten, note)
    const [held] = await waitFor(() => {
      const events = world.eventsOf('message.held')
      return events.length >= 3 ? events : undefined
    })
    expect(held).toMatchObject({
      consumer: 'notes',
      messageId: id,
      error: {
        code: 'QUEUE_ACCESS_REFUSED',
        message: expect.stringContaining('exchange "amq.default"'),
      },
    })
    expect(consumer.health().counts).toMatchObject({ inFlight: 1, parked: 0, delivered: 1 })
    expect(await world.ready(`${world.queue}.parked`)).toBe(0)

    await mayWrite(EVERYTHING)
    expect((await world.take(`${world.queue}.parked`)).properties.messageId).toBe(id)
    await waitFor(() => consumer.health().counts.parked === 1)
    expect(consumer.health().counts).toMatchObject({ inFlight: 0, delivered: 1 })
  })
})
