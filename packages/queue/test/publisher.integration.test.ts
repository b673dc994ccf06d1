// The promise of publish: it resolves for what is in a queue, and rejects, saying why, for all else.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { createBus, defineMessage } from '../src/index.ts'
import type { Bus } from '../src/index.ts'
import { noteSchema, NoteFiled, NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { shortLivedWire } from './support/short-lived-wire.ts'
import { createWorld, inTransaction } from './support/world.ts'
import type { World } from './support/world.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let world: World
let bus: Bus
beforeEach(async () => {
  world = await createWorld()
  bus = world.bus({
    topology: {
      exchange: world.exchange,
      bindings: [{ queue: world.queue, types: ['notes.written'] }],
    },
  })
  await bus.topology.apply()
})
afterEach(async () => {
  await world.dispose()
})

const note = { subject: 'a', text: 'x' }

describe('bus.publish', () => {
  it('writes a CloudEvent in binary mode, durable and on disk when it resolves', async () => {
    const { id } = await bus.publish(NoteWritten, note, { headers: { tenant: 't-1' } })
    const message = await world.take(world.queue)
    expect(JSON.parse(message.content.toString())).toEqual(note)
    expect(message.properties).toMatchObject({
      messageId: id,
      contentType: 'application/json',
      deliveryMode: 2,
      type: 'notes.written',
    })
    expect(message.properties.headers).toMatchObject({
      'cloudEvents:specversion': '1.0',
      'cloudEvents:id': id,
      'cloudEvents:source': 'queue-tests',
      'cloudEvents:type': 'notes.written',
      'cloudEvents:partitionkey': 'a',
      'cloudEvents:dataversion': 1,
      tenant: 't-1',
    })
  })

  it('QUEUE-20 rejects a message no queue takes, among others that are taken', async () => {
    const results = await Promise.allSettled([
      bus.publish(NoteWritten, note),
      bus.publish(NoteFiled, note),
      bus.publish(NoteWritten, note),
      bus.publish(NoteFiled, note),
    ])
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ])
    expect(results[1]).toMatchObject({
      reason: { code: 'QUEUE_UNROUTABLE', routingKey: 'notes.filed', retryable: true },
    })
  })

  it('QUEUE-21 when the exchange is missing every promise settles and the bus recovers', async () => {
    const channel = await world.channel()
    await channel.deleteExchange(world.exchange)
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => bus.publish(NoteWritten, note)),
    )
    expect(results.every((result) => result.status === 'rejected')).toBe(true)
    const codes = results.map((result) => (result as { reason: { code: string } }).reason.code)
    expect(codes[0]).toBe('QUEUE_UNROUTABLE')
    // The channel is opened again, and its exchange declared, without a new connection.
    await waitFor(() => bus.publish(NoteWritten, note), { timeoutMs: 30_000, intervalMs: 100 })
    expect(bus.health().publish.generation).toBe(1)
  })

  it('QUEUE-22 rejects what is too large before anything is written', async () => {
    const small = world.bus({ maxMessageBytes: 100, topology: { exchange: world.exchange } })
    await expect(
      small.publish(NoteWritten, { subject: 'a', text: 'x'.repeat(200) }),
    ).rejects.toMatchObject({ code: 'QUEUE_TOO_LARGE', maxBytes: 100, retryable: false })
    await expect(
      bus.publish(NoteWritten, note, { headers: { big: 'x'.repeat(20_000) } }),
    ).rejects.toMatchObject({ code: 'QUEUE_TOO_LARGE' })
    const neighbour = await bus.publish(NoteWritten, note)
    expect((await world.take(world.queue)).properties.messageId).toBe(neighbour.id)
  })

  it('rejects data its schema refuses, ids and headers that can not be sent', async () => {
    await expect(bus.publish(NoteWritten, { subject: '', text: '' })).rejects.toMatchObject({
      code: 'QUEUE_INVALID_MESSAGE',
      issues: [expect.stringContaining('subject')],
    })
    const Odd = defineMessage({ type: 'odd', version: 1, schema: noteSchema, key: () => '' })
    const invalid = { code: 'QUEUE_INVALID_OPTIONS' }
    await expect(bus.publish(Odd, note)).rejects.toMatchObject(invalid)
    await expect(bus.publish(NoteWritten, note, { id: 'a\nb' })).rejects.toMatchObject(invalid)
    await expect(
      bus.publish(NoteWritten, note, { headers: { 'cloudEvents:id': 'forged' } }),
    ).rejects.toMatchObject(invalid)
  })

  it('rejects after its time when there is no broker, and never throws at creation', async () => {
    const lonely = createBus<any>({
      broker: { url: 'amqp://127.0.0.1:1' },
      db: world.db,
      source: 'lonely',
      confirmTimeoutMs: 300,
    })
    await expect(lonely.publish(NoteWritten, note)).rejects.toMatchObject({
      code: 'QUEUE_BROKER_UNAVAILABLE',
      retryable: true,
    })
    expect(lonely.health()).toMatchObject({ ready: false, publish: { state: 'connecting' } })
    await lonely.drain()
    await expect(lonely.publish(NoteWritten, note)).rejects.toMatchObject({ code: 'QUEUE_CLOSED' })
  })

  it('says what differs when a queue exists with other properties, and changes nothing', async () => {
    const channel = await world.channel()
    await channel.assertQueue(`${world.queue}.other`, { durable: true })
    const other = world.bus({
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: `${world.queue}.other`, types: ['x'] }],
      },
    })
    await expect(other.topology.apply()).rejects.toMatchObject({
      code: 'QUEUE_TOPOLOGY_MISMATCH',
      message: expect.stringContaining(`${world.queue}.other`),
    })
    await channel.deleteQueue(`${world.queue}.other`)
    await channel.deleteQueue(`${world.queue}.other.parked`)
  })
})

describe('a broker that takes messages and confirms none', () => {
  const LAST_WORD = 'the last word'
  /** How a client asks for confirms: class 85, method 10. */
  const CONFIRM_SELECT = '\0\u0055\0\u000a'

  async function stalled(wire: Proxy): Promise<Bus> {
    const impatient = world.bus({ broker: { url: wire.url }, confirmTimeoutMs: 1_000 })
    wire.loseAnswersAfter(LAST_WORD)
    await expect(
      impatient.publish(NoteWritten, { subject: 'a', text: LAST_WORD }),
    ).rejects.toMatchObject({ code: 'QUEUE_CONFIRM_TIMEOUT' })
    return impatient
  }

  /** Rejected, each, because its time ran out. */
  async function giveUp(impatient: Bus, count: number, text: string): Promise<void> {
    const published = Array.from({ length: count }, () =>
      impatient.publish(NoteWritten, { subject: 'a', text }),
    )
    const codes = (await Promise.allSettled(published)).map(
      (result) => (result as { reason?: { code: string } }).reason?.code,
    )
    expect(new Set(codes)).toEqual(new Set(['QUEUE_CONFIRM_TIMEOUT']))
  }

  it('QUEUE-19 does not make the publisher keep the bodies it has given up', async () => {
    await using wire = await Proxy.to(world.rabbitmqUrl)
    const impatient = await stalled(wire)
    collectGarbage()
    const before = process.memoryUsage().arrayBuffers
    await giveUp(impatient, 40, 'x'.repeat(500_000))
    const kept = await waitFor(() => {
      collectGarbage()
      const bytes = process.memoryUsage().arrayBuffers - before
      return bytes < 4_000_000 ? { bytes } : undefined
    })
    expect(kept.bytes).toBeLessThan(4_000_000)
  })

  it('QUEUE-19 has its channel replaced when too many were given up on it', async () => {
    await using wire = await Proxy.to(world.rabbitmqUrl)
    const impatient = await stalled(wire)
    await giveUp(impatient, 5_000, 'x')
    wire.holdFrom(CONFIRM_SELECT)
    wire.answerAgain()
    await waitFor(() => wire.holds)
    wire.letGo()
    await impatient.publish(NoteWritten, { subject: 'a', text: 'taken' })
    expect(impatient.health().publish).toMatchObject({ state: 'up', generation: 1 })
  })
})

describe('a connection that is closed in the same read as its channel is opened', () => {
  it('is not noticed by a message, which goes over the next one', async () => {
    await using wire = await shortLivedWire(world.rabbitmqUrl, 'carried')
    const restarted = world.bus({ broker: { url: wire.url } })
    const { id } = await restarted.publish(NoteWritten, note)
    expect((await world.take(world.queue)).properties.messageId).toBe(id)
    expect(restarted.health().publish).toMatchObject({ generation: 2, state: 'up' })
  })

  it('does not pass for one: a relay claims nothing, and what waits can be cancelled', async () => {
    await using wire = await shortLivedWire(world.rabbitmqUrl, 'refused')
    let claimed = false
    const cut = world.bus({
      broker: { url: wire.url },
      probe: (name) => {
        claimed ||= name === 'relay.claimed'
      },
    })
    const { id } = await inTransaction(cut, world.db, (trx) =>
      cut.outbox(trx).publish(NoteWritten, note),
    )
    cut.relay({ pollMs: 10 }).start()
    // The first is the connection that was, the others could not be made.
    await waitFor(() => world.eventsOf('connection.down').length >= 3)
    expect(world.eventsOf('connection.up').at(-1)).toMatchObject({ generation: 1 })
    expect(claimed).toBe(false)
    const cancelled = await inTransaction(cut, world.db, (trx) => cut.outbox(trx).cancel(id))
    expect(cancelled).toBe(true)
  })
})

describe('bus.queueDepth', () => {
  it('counts what waits, and rejects for a queue that is not there', async () => {
    await bus.publish(NoteWritten, note)
    expect(await bus.queueDepth(world.queue)).toEqual({
      queue: world.queue,
      ready: 1,
      consumers: 0,
    })
    await expect(bus.queueDepth(`${world.queue}.none`)).rejects.toMatchObject({
      code: 'QUEUE_BROKER_UNAVAILABLE',
    })
  })
})
