import { sql } from 'kysely'
import { expect } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus, Consumer, ConsumerOptions, OneStepHandler } from '../../src/index.ts'
import { NoteWritten } from './messages.ts'
import type { Note } from './messages.ts'
import { createWorld, leaveEffect } from './world.ts'
import type { World } from './world.ts'

/** Eight ids, each the text of its note. */
export const letters: readonly string[] = Array.from('abcdefgh')

export const note = (text: string, subject = 'a'): Note => ({ subject, text })

/** A world whose queue is there before any consumer, so that what is published makes one batch. */
export async function createBatchWorld(): Promise<{ world: World; bus: Bus }> {
  const world = await createWorld()
  const bus = world.bus({
    topology: {
      exchange: world.exchange,
      bindings: [{ queue: world.queue, types: ['notes.written', 'notes.filed'] }],
    },
  })
  await bus.topology.apply()
  return { world, bus }
}

/** A consumer that has all letters in one batch, and tries everything once. */
export function batchConsumer(
  bus: Bus,
  world: World,
  options: Partial<ConsumerOptions> = {},
): Consumer<any> {
  return bus.consumer({
    name: 'notes',
    queue: world.queue,
    messages: [NoteWritten],
    concurrency: 1,
    batch: { size: letters.length, waitMs: 1_000 },
    retry: { attempts: 1, delaysMs: [20] },
    ...options,
  })
}

/** One message for each text, whose id it is too. */
export async function publishAll(bus: Bus, texts: readonly string[]): Promise<void> {
  for (const text of texts) await bus.publish(NoteWritten, note(text), { id: text })
}

export const works: OneStepHandler<typeof NoteWritten, any> = async (message, { trx }) => {
  await leaveEffect(trx, message.id, message.data.text)
}

/** Works, and then does what `bad` has for the note. */
export const worksExcept =
  (bad: Readonly<Record<string, () => Promise<void> | void>>): typeof works =>
  async (message, context) => {
    await works(message, context)
    await bad[message.data.text]?.()
  }

export const fail = (): never => {
  throw new Error('no')
}

/** The notes of each transaction, in order. Savepoints have ids of their own, inbox rows have not. */
export async function transactions(world: World): Promise<string[]> {
  const { rows } = await sql<{ notes: string }>`
    select string_agg(e.note, '' order by e.seq) as notes
    from effect e join queue.inbox i using (message_id)
    group by i.xmin::text
    order by min(e.seq)`.execute(world.db)
  return rows.map(({ notes }) => notes)
}

export async function inboxIds(world: World): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select message_id as id from queue.inbox order by 1`.execute(world.db)
  return rows.map(({ id }) => id)
}

/** What is in the parking queue: reason by message id. */
export async function parked(world: World, count: number): Promise<Record<string, unknown>> {
  const reasons: Record<string, unknown> = {}
  for (let index = 0; index < count; index += 1) {
    const { properties } = await world.take(`${world.queue}.parked`)
    reasons[String(properties.messageId)] = properties.headers?.['payflow-reason']
  }
  expect(await world.ready(`${world.queue}.parked`)).toBe(0)
  return reasons
}

/** Waits until as much was delivered and nothing is in hand; every delivery is accounted for. */
export async function settledAll(consumer: Consumer<any>, delivered: number): Promise<void> {
  await waitFor(
    () => {
      const { counts } = consumer.health()
      return counts.delivered >= delivered && counts.inFlight === 0
    },
    { message: `${delivered} deliveries settled`, timeoutMs: 30_000 },
  )
  const { delivered: all, ...became } = consumer.health().counts
  expect(Object.values(became).reduce((sum, count) => sum + count, 0)).toBe(all)
}
