// A bus on the published model of a broker, as users' unit tests run it, with PostgreSQL as it is.
import { waitFor } from '@payflow/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Bus, ConsumerOptions } from '../src/index.ts'
import { memoryBroker } from '../src/testing/index.ts'
import type { MemoryBroker } from '../src/testing/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import type { Note } from './support/messages.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let broker: MemoryBroker
let bus: Bus
beforeEach(async () => {
  world = await createWorld()
  broker = memoryBroker()
  bus = world.bus({ broker })
})
afterEach(async () => {
  // Its drain closes connections, which a stopped or blocked broker makes no difference to.
  broker.unblock()
  await bus.drain({ deadlineMs: 5_000 })
  await world.database.dispose()
})

const note: Note = { subject: 'tea', text: 'green' }
const notes = (): ConsumerOptions => ({
  name: 'notes',
  queue: 'notes',
  messages: [NoteWritten],
  retry: { attempts: 3, delaysMs: [60_000] },
})

async function settled(): Promise<void> {
  await waitFor(() => broker.waiting('notes').length === 0 && broker.inHand('notes') === 0)
}

describe('a bus on a broker in memory', () => {
  it('carries messages from outbox to handler to outbox', async () => {
    const consumer = bus
      .consumer(notes())
      .handle(NoteWritten, async ({ id, data }, { trx, outbox }) => {
        await leaveEffect(trx, id, data.text)
        await outbox.publish(NoteFiled, data)
      })
    const archive = bus
      .consumer({ ...notes(), name: 'archive', queue: 'archive', messages: [NoteFiled] })
      .handle(NoteFiled, ({ id }, { trx }) => leaveEffect(trx, id, 'filed'))
    await bus.topology.apply()
    await Promise.all([consumer.start(), archive.start()])
    bus.relay({ pollMs: 20 }).start()
    await inTransaction(bus, world.db, (trx) => bus.outbox(trx).publish(NoteWritten, note))
    expect(await world.waitForEffects(2)).toEqual(['green', 'filed'])
    await settled()
  })

  it('waits as long as it is told before a retry, and not for the clock', async () => {
    let tries = 0
    const consumer = bus.consumer(notes()).handle(NoteWritten, async ({ id }, { trx, attempt }) => {
      tries = attempt
      if (attempt < 3) throw new Error('not yet')
      await leaveEffect(trx, id, 'at last')
    })
    await bus.topology.apply()
    await consumer.start()
    await bus.publish(NoteWritten, note)
    for (const attempt of [1, 2]) {
      await waitFor(() => broker.waiting('notes.wait.60000').length === 1)
      expect(tries).toBe(attempt)
      expect(broker.expire('notes.wait.60000')).toBe(1)
    }
    expect(await world.waitForEffects(1)).toEqual(['at last'])
    await settled()
  })

  it('has the effect once when the connection is lost under a handler', async () => {
    const gate = Promise.withResolvers<void>()
    let begun = 0
    const consumer = bus.consumer(notes()).handle(NoteWritten, async ({ id }, { trx }) => {
      await leaveEffect(trx, id, 'once')
      begun += 1
      await gate.promise
    })
    await bus.topology.apply()
    await consumer.start()
    await bus.publish(NoteWritten, note)
    await waitFor(() => begun === 1)
    broker.drop()
    await waitFor(() => bus.health().consume.generation === 2 && broker.inHand('notes') === 1)
    gate.resolve()
    await settled()
    expect(await world.effects()).toEqual(['once'])
    await waitFor(() => consumer.health().counts.duplicate === 1)
  })

  it('parks what its handler refuses, and says why', async () => {
    const consumer = bus
      .consumer(notes())
      .handle(NoteWritten, () => Promise.reject(new Error('no')))
    await bus.topology.apply()
    await consumer.start()
    await bus.publish(NoteWritten, note)
    for (const _ of [1, 2]) {
      await waitFor(() => broker.waiting('notes.wait.60000').length === 1)
      broker.expire('notes.wait.60000')
    }
    const [parked] = await waitFor(() => {
      const waiting = broker.waiting('notes.parked')
      return waiting.length === 1 ? waiting : undefined
    })
    expect(parked?.headers).toMatchObject({ 'payflow-reason': 'attempts-exhausted' })
    expect(JSON.parse(String(parked?.body))).toEqual(note)
  })

  it('keeps the order of keys, and commits batches', async () => {
    const ordered = bus
      .consumer({ ...notes(), order: 'key', concurrency: 4 })
      .handle(NoteWritten, ({ id, data }, { trx }) => leaveEffect(trx, id, data.text))
    const filed = { ...notes(), name: 'filed', queue: 'filed', messages: [NoteFiled] }
    const batched = bus
      .consumer({ ...filed, batch: { size: 3, waitMs: 1_000 } })
      .handleBatch(NoteFiled, async (messages, { trx }) => {
        await leaveEffect(trx, 'batch', messages.map(({ data }) => data.text).join(''))
      })
    await bus.topology.apply()
    for (const text of ['a', 'b', 'c']) await bus.publish(NoteWritten, { subject: 'tea', text })
    await ordered.start()
    expect(await world.waitForEffects(3)).toEqual(['a', 'b', 'c'])
    for (const text of ['d', 'e', 'f']) await bus.publish(NoteFiled, { subject: 'tea', text })
    await batched.start()
    expect((await world.waitForEffects(4)).slice(3)).toEqual(['def'])
    await waitFor(() => broker.inHand('filed') === 0)
  })

  it('rejects publishing while the broker has an alarm, or nowhere to put the message', async () => {
    await bus.topology.apply()
    await expect(bus.publish(NoteWritten, note)).rejects.toMatchObject({ code: 'QUEUE_UNROUTABLE' })
    broker.block('low on disk')
    for (const handedOver of [true, false]) {
      const refused = { code: 'QUEUE_BLOCKED', handedOver }
      await expect(bus.publish(NoteWritten, note)).rejects.toMatchObject(refused)
    }
    expect(bus.health().publish.state).toBe('blocked')
    broker.unblock()
    await waitFor(() => bus.health().publish.state === 'up')
  })

  it('comes back after the broker was away, and after its consumer was cancelled', async () => {
    const consumer = bus
      .consumer(notes())
      .handle(NoteWritten, ({ id, data }, { trx }) => leaveEffect(trx, id, data.text))
    await bus.topology.apply()
    await consumer.start()
    await waitFor(() => consumer.health().state === 'running')
    broker.stop()
    await waitFor(() => bus.health().consume.state === 'connecting')
    broker.start()
    await waitFor(() => consumer.health().state === 'running')
    broker.cancelConsumers('notes')
    await waitFor(() => world.eventsOf('consumer.running').length === 3)
    await bus.publish(NoteWritten, note)
    expect(await world.waitForEffects(1)).toEqual(['green'])
  })
})
