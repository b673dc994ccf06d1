// A handler keeps the event loop of its process for longer than the broker believes in a connection
// that says nothing. Its message is delivered to another process while it is still at work.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { spawnWorker } from './support/spawn-worker.ts'
import { createWorld } from './support/world.ts'
import type { World } from './support/world.ts'

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
afterEach(() => world.dispose())

const eventOf =
  (type: string) =>
  (message: { event?: { type: string } }): boolean =>
    message.event?.type === type
const patience = { timeoutMs: 60_000 }

describe('a handler that blocks the event loop', () => {
  it('QUEUE-31 is told by name, loses its delivery, and has its effect once', async () => {
    const heartbeat = { consume: 'one-step', heartbeatS: 1 } as const
    await using blocking = await spawnWorker(world, { ...heartbeat, blockMs: 8_000 })
    await blocking.message(eventOf('consumer.running'), patience)
    await blocking.arm('consumer.received', 'report')
    const { id } = await bus.publish(NoteWritten, { subject: 'tea', text: 'green' })
    await blocking.reached('consumer.received')
    await using other = await spawnWorker(world, { ...heartbeat })

    // The broker gave the message to the other worker: to it, the first one's connection is dead.
    await other.message(eventOf('message.duplicate'), patience)
    const { event } = await blocking.message<{ event: object }>(eventOf('loop.blocked'), patience)
    expect(event).toMatchObject({
      limitMs: 500,
      handlers: [{ consumer: 'notes', messageId: id, messageType: 'notes.written' }],
    })
    expect((event as { blockedMs: number }).blockedMs).toBeGreaterThan(5_000)
    await blocking.message(eventOf('connection.down'), patience)
    await blocking.message(eventOf('message.committed'), patience)
    expect(await world.effects()).toEqual(['green'])
    await waitFor(async () => (await world.ready()) === 0)
  })
})
