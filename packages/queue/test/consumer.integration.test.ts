// What a handler may do and what becomes of its message, on a real broker and a real database.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Consumer, OneStepHandler } from '../src/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import type { Note } from './support/messages.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(async () => {
  await world.dispose()
})

const note = (text: string, subject = 'a'): Note => ({ subject, text })

/** A bus that publishes to a queue of its own and handles it with `handler`. */
async function startWith(
  handler: OneStepHandler<typeof NoteWritten, any>,
  options: { attempts?: number; deadlineMs?: number } = {},
): Promise<{ bus: ReturnType<World['bus']>; consumer: Consumer<any> }> {
  const bus = world.bus()
  const consumer = bus
    .consumer({
      name: 'notes',
      queue: world.queue,
      messages: [NoteWritten],
      retry: { attempts: options.attempts ?? 1, delaysMs: [20] },
      ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    })
    .handle(NoteWritten, handler)
  await consumer.start()
  await bus.topology.apply()
  return { bus, consumer }
}

describe('consumer', () => {
  it('commits the effect of a handler and acknowledges its message', async () => {
    const { bus, consumer } = await startWith(async (message, { trx }) => {
      await leaveEffect(trx, message.id, message.data.text)
    })
    const { id } = await bus.publish(NoteWritten, note('hello'))
    expect(await world.waitForEffects(1)).toEqual(['hello'])
    await waitFor(() => consumer.health().counts.committed === 1)
    expect(consumer.health().counts).toMatchObject({ delivered: 1, committed: 1, inFlight: 0 })
    const inbox = await sql`select message_id from queue.inbox`.execute(world.db)
    expect(inbox.rows).toEqual([{ message_id: id }])
    await bus.drain()
    expect(await world.ready()).toBe(0)
  })

  it('runs decide without a transaction and records its answer in one', async () => {
    const bus = world.bus()
    const seen: unknown[] = []
    const consumer = bus
      .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten] })
      .handle(NoteWritten, {
        decide: async (message, context) => {
          seen.push('trx' in context, context.attempt, context.redelivered)
          return `decided ${message.data.text}`
        },
        record: async (message, decision, { trx }) => {
          await leaveEffect(trx, message.id, decision)
        },
      })
    await consumer.start()
    await bus.topology.apply()
    await bus.publish(NoteWritten, note('x'))
    expect(await world.waitForEffects(1)).toEqual(['decided x'])
    expect(seen).toEqual([false, 1, false])
  })

  it('QUEUE-02 a second message with a committed id runs no handler', async () => {
    let runs = 0
    const { bus, consumer } = await startWith(async (message, { trx }) => {
      runs += 1
      await leaveEffect(trx, message.id, message.data.text)
    })
    for (let copy = 0; copy < 3; copy += 1) {
      await bus.publish(NoteWritten, note('once'), { id: 'the-same' })
    }
    await waitFor(() => consumer.health().counts.duplicate === 2)
    expect(runs).toBe(1)
    expect(await world.effects()).toEqual(['once'])
  })

  it('QUEUE-05 a handler that swallows an SQL error is not acknowledged but parked', async () => {
    const { bus, consumer } = await startWith(async (message, { trx }) => {
      await leaveEffect(trx, message.id, 'before')
      await leaveEffect(trx, message.id, 'forbidden').catch(() => {})
    })
    await bus.publish(NoteWritten, note('x'))
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers).toMatchObject({ 'payflow-reason': 'attempts-exhausted' })
    expect(parked.properties.headers?.['payflow-error']).toContain('CommitRolledBackError')
    expect(await world.effects()).toEqual([])
    expect(consumer.health().counts.committed).toBe(0)
    const inbox = await sql`select 1 from queue.inbox`.execute(world.db)
    expect(inbox.rows).toEqual([])
  })

  it('QUEUE-06 a deadlock or serialization failure is retried in place', async () => {
    let runs = 0
    const { bus, consumer } = await startWith(async (message, { trx }) => {
      runs += 1
      await leaveEffect(trx, message.id, `run ${runs}`)
      if (runs < 3) await sql`do $$ begin raise sqlstate '40001'; end $$`.execute(trx)
    })
    await bus.publish(NoteWritten, note('x'))
    expect(await world.waitForEffects(1)).toEqual(['run 3'])
    await waitFor(() => consumer.health().counts.committed === 1)
    expect(consumer.health().counts).toMatchObject({ delivered: 1, retried: 0 })
  })

  it('QUEUE-07 a query nobody awaited rolls the transaction back and never leaks', async () => {
    const late: Promise<unknown>[] = []
    const { bus } = await startWith(async (message, { trx }) => {
      void sql`select pg_sleep(0.05)`.execute(trx)
      late.push(leaveEffect(trx, message.id, 'floating').catch((error: unknown) => error))
    })
    await bus.publish(NoteWritten, note('x'))
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers?.['payflow-error']).toContain('still running')
    await Promise.all(late)
    expect(await world.effects()).toEqual([])
  })

  it('refuses SQL that ends the transaction, and queries after the handler returned', async () => {
    const errors: unknown[] = []
    let kept: any
    const { bus, consumer } = await startWith(async (message, { trx }) => {
      for (const statement of ['commit', 'rollback', '/* x */ COMMIT; begin', 'select 1; end']) {
        await sql
          .raw(statement)
          .execute(trx)
          .catch((error: { code: string }) => errors.push(error.code))
      }
      await sql`savepoint here`.execute(trx)
      await leaveEffect(trx, message.id, 'undone')
      await sql`rollback to savepoint here`.execute(trx)
      await leaveEffect(trx, message.id, 'kept')
      kept = trx
    })
    await bus.publish(NoteWritten, note('x'))
    await waitFor(() => consumer.health().counts.committed === 1)
    expect(errors).toEqual(Array.from({ length: 4 }, () => 'QUEUE_TRANSACTION_CONTROL'))
    expect(await world.effects()).toEqual(['kept'])
    await expect(sql`select 1`.execute(kept)).rejects.toMatchObject({
      code: 'QUEUE_TRANSACTION_CLOSED',
    })
  })

  it('QUEUE-37 the same id with another body is parked as id-reuse', async () => {
    let runs = 0
    const { bus, consumer } = await startWith(async (message, { trx }) => {
      runs += 1
      await leaveEffect(trx, message.id, message.data.text)
    })
    await bus.publish(NoteWritten, note('first'), { id: 'reused' })
    await world.waitForEffects(1)
    await bus.publish(NoteWritten, note('second'), { id: 'reused' })
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers).toMatchObject({ 'payflow-reason': 'id-reuse' })
    expect(JSON.parse(parked.content.toString())).toEqual(note('second'))
    expect(runs).toBe(1)
    await waitFor(() => consumer.health().counts.parked === 1)
    expect(await world.effects()).toEqual(['first'])
  })

  it('publishes what a handler wrote to the outbox, and only if it commits', async () => {
    const bus = world.bus({
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: `${world.queue}.filed`, types: ['notes.filed'] }],
      },
    })
    let runs = 0
    const consumer = bus
      .consumer({
        name: 'notes',
        queue: world.queue,
        messages: [NoteWritten],
        retry: { attempts: 3, delaysMs: [20] },
      })
      .handle(NoteWritten, async (_message, { outbox }) => {
        runs += 1
        await outbox.publish(NoteFiled, note(`filed in run ${runs}`))
        const { id } = await outbox.publish(NoteFiled, note('taken back'))
        expect(await outbox.cancel(id)).toBe(true)
        if (runs === 1) throw new Error('not yet')
      })
    await consumer.start()
    await bus.topology.apply()
    bus.relay().start()
    await bus.publish(NoteWritten, note('x'))
    const filed = await world.take(`${world.queue}.filed`)
    expect(JSON.parse(filed.content.toString())).toEqual(note('filed in run 2'))
    // Marked as sent only after the confirm, which may come after the delivery.
    await waitFor(async () => (await bus.outboxDepth()).pending === 0)
    expect((await bus.reconcile()).outbox).toMatchObject({ inserted: 1, confirmed: 1 })
    const channel = await world.channel()
    await channel.deleteQueue(`${world.queue}.filed`)
    await channel.deleteQueue(`${world.queue}.filed.parked`)
  })

  it('aborts the signal at the deadline and counts a failed attempt', async () => {
    const reasons: unknown[] = []
    const { bus, consumer } = await startWith(
      async (_message, { signal }) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reasons.push((signal.reason as { code: string }).code)
            resolve(undefined)
          })
        })
        await new Promise(() => {})
      },
      { deadlineMs: 1_000 },
    )
    await bus.publish(NoteWritten, note('x'))
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers?.['payflow-error']).toContain('longer than 1000 ms')
    expect(reasons).toEqual(['QUEUE_HANDLER_DEADLINE'])
    await waitFor(() => consumer.health().counts.parked === 1)
  })

  it('carries money from an outbox to a handler without waiting for a poll', async () => {
    const { bus } = await startWith(async (message, { trx }) => {
      await leaveEffect(trx, message.id, message.data.text)
    })
    // Without the wake-up each would wait a minute for the poll.
    bus.relay({ pollMs: 60_000 }).start()
    for (let round = 1; round <= 20; round += 1) {
      const committed = world.eventsOf('message.committed').length
      await inTransaction(bus, world.db, (trx) =>
        bus.outbox(trx).publish(NoteWritten, note(`${round}`)),
      )
      await waitFor(() => world.eventsOf('message.committed').length > committed, {
        intervalMs: 1,
        timeoutMs: 30_000,
      })
    }
    expect(await world.effects()).toHaveLength(20)
  })
})
