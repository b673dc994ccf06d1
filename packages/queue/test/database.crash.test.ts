// A PostgreSQL of our own, killed under a working consumer: it pauses, burns no attempt, and resumes.
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, waitFor } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import { NoteWritten } from './support/messages.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'

let server: Server
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(async () => {
  await server.stop()
})

describe('consumer', () => {
  it('QUEUE-15 pauses while PostgreSQL is away, burns no attempt, and does all the work after', async () => {
    const world = await createWorld({ postgresUrl: server.url })
    const bus = world.bus()
    let begun = 0
    const consumer = bus
      .consumer({
        name: 'notes',
        queue: world.queue,
        messages: [NoteWritten],
        retry: { attempts: 2, delaysMs: [50] },
      })
      .handle(NoteWritten, async (message, { trx }) => {
        begun += 1
        if (message.data.text === '05' && begun < 20) await sql`select pg_sleep(60)`.execute(trx)
        await leaveEffect(trx, message.id, message.data.text)
      })
    const texts = Array.from({ length: 30 }, (_, index) => `${index}`.padStart(2, '0'))
    await bus.topology.apply()
    for (const text of texts.slice(0, 10)) {
      await bus.publish(NoteWritten, { subject: 'a', text }, { id: text })
    }
    await consumer.start()
    await world.waitForEffects(9)
    for (let outage = 0; outage < 3; outage += 1) {
      await server.kill()
      const at = 10 + outage * 5
      for (const text of texts.slice(at, at + 5)) {
        await bus.publish(NoteWritten, { subject: 'a', text }, { id: text })
      }
      await waitFor(() => consumer.health().state === 'paused', { timeoutMs: 30_000 })
      await waitFor(async () => (await world.ready()) >= 5, { timeoutMs: 30_000 })
      begun = 100
      await server.start()
      await waitFor(() => consumer.health().state === 'running', { timeoutMs: 30_000 })
      await world.waitForEffects(at + 5, 30_000)
    }
    expect((await world.effects()).toSorted()).toEqual(texts.slice(0, 25))
    expect(await world.ready(`${world.queue}.parked`)).toBe(0)
    expect(consumer.health().counts).toMatchObject({ retried: 0, parked: 0 })
    await waitFor(async () => {
      const { rows } = await sql`select 1 from queue.attempt`.execute(world.db)
      return rows.length === 0
    })
    await world.dispose()
  })

  it('QUEUE-15 killed in the last moment before COMMIT: no ack and no failed attempt', async () => {
    const world = await createWorld({ postgresUrl: server.url })
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    let standing = false
    const bus = world.bus({
      probe: async (name) => {
        if (name !== 'consumer.recorded' || standing) return
        standing = true
        await held
      },
    })
    const consumer = bus
      .consumer({
        name: 'notes',
        queue: world.queue,
        messages: [NoteWritten],
        retry: { attempts: 1, delaysMs: [50] },
      })
      .handle(NoteWritten, async (message, { trx }) => {
        await leaveEffect(trx, message.id, message.data.text)
      })
    await consumer.start()
    await bus.topology.apply()
    await inTransaction(bus, world.db, (trx) =>
      bus.outbox(trx).publish(NoteWritten, { subject: 'a', text: 'x' }),
    )
    bus.relay().start()
    await waitFor(() => standing)
    await server.kill()
    goOn()
    await waitFor(() => consumer.health().state === 'paused')
    await server.start()
    expect(await world.waitForEffects(1, 30_000)).toEqual(['x'])
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(await world.effects()).toEqual(['x'])
    expect(consumer.health().counts.parked).toBe(0)
    await world.dispose()
  })
})
