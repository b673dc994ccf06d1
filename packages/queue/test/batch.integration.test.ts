// Many messages in one transaction, on a real broker and a real database: what fails is settled for
// itself, and its neighbours commit.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { deadLetter, retryAfter } from '../src/index.ts'
import type { Bus } from '../src/index.ts'
import {
  batchConsumer,
  createBatchWorld,
  fail,
  inboxIds,
  letters,
  note,
  parked,
  publishAll,
  settledAll,
  transactions,
  works,
  worksExcept,
} from './support/batches.ts'
import { NoteWritten } from './support/messages.ts'
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

describe('a batch of messages, each with its handler', () => {
  it('commits in one transaction, in the order of arrival', async () => {
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world).handle(NoteWritten, works)
    await consumer.start()
    await settledAll(consumer, 8)
    expect(await transactions(world)).toEqual(['abcdefgh'])
    expect(consumer.health().counts).toMatchObject({ delivered: 8, committed: 8 })
    expect(await inboxIds(world)).toEqual(letters)
    await bus.drain()
    expect(await world.ready()).toBe(0)
  })

  it('takes no more than its size, and waits no longer than for a full one', async () => {
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world, { batch: { size: 3, waitMs: 0 } }).handle(
      NoteWritten,
      works,
    )
    await consumer.start()
    await settledAll(consumer, 8)
    expect((await transactions(world))[0]).toBe('abc')
    expect((await transactions(world)).every((notes) => notes.length <= 3)).toBe(true)
    await publishAll(bus, ['z'])
    await settledAll(consumer, 9)
    expect((await transactions(world)).at(-1)).toBe('z')
  })

  it('QUEUE-27 rolls back a message that throws, and it alone', async () => {
    await publishAll(bus, letters)
    const runs: string[] = []
    const consumer = batchConsumer(bus, world, { retry: { attempts: 3, delaysMs: [20] } }).handle(
      NoteWritten,
      async (message, context) => {
        runs.push(message.data.text)
        await worksExcept({ c: fail, h: fail })(message, context)
      },
    )
    await consumer.start()
    expect(await parked(world, 2)).toEqual({ c: 'attempts-exhausted', h: 'attempts-exhausted' })
    expect(await transactions(world)).toEqual(['abdefg'])
    expect(await world.effects()).toEqual(Array.from('abdefg'))
    expect(await inboxIds(world)).toEqual(Array.from('abdefg'))
    await settledAll(consumer, 12)
    expect(runs.filter((text) => text === 'c')).toHaveLength(3)
    expect(runs).toHaveLength(12)
    expect(consumer.health().counts).toMatchObject({ committed: 6, retried: 4, parked: 2 })
  })

  it('lets a message succeed that failed in the batch', async () => {
    await publishAll(bus, letters)
    let failed = false
    const consumer = batchConsumer(bus, world, { retry: { attempts: 2, delaysMs: [20] } }).handle(
      NoteWritten,
      worksExcept({
        b: () => {
          if (!failed) {
            failed = true
            fail()
          }
        },
      }),
    )
    await consumer.start()
    await settledAll(consumer, 9)
    expect(await transactions(world)).toEqual(['acdefgh', 'b'])
    const attempts = await sql`select 1 from queue.attempt`.execute(world.db)
    expect(attempts.rows).toEqual([])
  })

  it('hears retryAfter and deadLetter of a member, also when all of them fail', async () => {
    await publishAll(bus, ['a', 'b', 'c'])
    const consumer = batchConsumer(bus, world, {
      retry: { attempts: 2, delaysMs: [20, 400] },
    }).handle(NoteWritten, async (message, context) => {
      if (message.data.text === 'b') throw deadLetter('no-such-account')
      if (context.attempt === 1) throw retryAfter(400)
      await works(message, context)
    })
    await consumer.start()
    expect(await parked(world, 1)).toEqual({ b: 'no-such-account' })
    await settledAll(consumer, 5)
    expect((await world.effects()).toSorted()).toEqual(['a', 'c'])
    expect(world.eventsOf('message.retried').map(({ delayMs }) => delayMs)).toEqual([400, 400])
  })

  it('QUEUE-05 QUEUE-07 blames a swallowed SQL error and a floating query on their message', async () => {
    await publishAll(bus, letters)
    const late: Promise<unknown>[] = []
    const consumer = batchConsumer(bus, world).handle(NoteWritten, async (message, context) => {
      const { text } = message.data
      await works(message, context)
      if (text === 'a' || text === 'h') {
        await leaveEffect(context.trx, message.id, 'forbidden').catch(() => {})
      }
      if (text === 'd') {
        late.push(leaveEffect(context.trx, message.id, 'late').catch((error: Error) => error))
      }
    })
    await consumer.start()
    const reasons = await parked(world, 3)
    expect(Object.keys(reasons).toSorted()).toEqual(['a', 'd', 'h'])
    await settledAll(consumer, 8)
    expect(await transactions(world)).toEqual(['bcefg'])
    expect((await world.effects()).includes('late')).toBe(false)
    const errors = world.eventsOf('message.parked').map(({ error }) => (error as Error).message)
    expect(errors.filter((text) => text.includes('rolled the transaction back'))).toHaveLength(2)
    expect(errors.filter((text) => text.includes('still running'))).toHaveLength(1)
    await Promise.all(late)
  })

  it('QUEUE-06 retries all of it in place after a serialization failure', async () => {
    await publishAll(bus, letters)
    let rounds = 0
    const consumer = batchConsumer(bus, world).handle(NoteWritten, async (message, context) => {
      await works(message, context)
      if (message.data.text !== 'e') return
      rounds += 1
      if (rounds < 3) await sql`do $$ begin raise sqlstate '40001'; end $$`.execute(context.trx)
    })
    await consumer.start()
    await settledAll(consumer, 8)
    expect(rounds).toBe(3)
    expect(await transactions(world)).toEqual(['abcdefgh'])
    expect(consumer.health().counts).toMatchObject({ delivered: 8, committed: 8 })
  })

  it('QUEUE-06 finds who spoils the COMMIT itself, when a constraint is checked only there', async () => {
    await sql`create table late (id text unique deferrable initially deferred)`.execute(world.db)
    await sql`insert into late values ('f')`.execute(world.db)
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world).handle(NoteWritten, async (message, context) => {
      await works(message, context)
      await sql`insert into late values (${message.id})`.execute(context.trx)
    })
    await consumer.start()
    expect(await parked(world, 1)).toEqual({ f: 'attempts-exhausted' })
    await settledAll(consumer, 8)
    expect(await transactions(world)).toEqual(['abcd', 'e', 'gh'])
  })

  it('QUEUE-02 QUEUE-25 QUEUE-26 QUEUE-37 settles what is no work for what it is', async () => {
    await publishAll(bus, ['seen', 'reused'])
    const earlier = world.bus()
    const before = batchConsumer(earlier, world).handle(NoteWritten, works)
    await before.start()
    await settledAll(before, 2)
    await earlier.drain()
    const texts = ['a', 'seen', 'another', 'a', 'not a', 'b']
    const ids = ['a', 'seen', 'reused', 'a', 'a', 'b']
    for (const [index, text] of texts.entries()) {
      await bus.publish(NoteWritten, note(text), { id: ids[index] })
    }
    const json = { contentType: 'application/json' }
    const written = { type: 'notes.written' }
    await world.send(world.queue, 'hello', { ...written, messageId: 'plain' })
    await world.send(world.queue, '{}', { ...written, ...json, messageId: 'empty' })
    await world.send(world.queue, '{}', { ...json, messageId: 'unknown', type: 'notes.burnt' })
    await waitFor(async () => (await world.ready()) === 9)
    const consumer = batchConsumer(bus, world, { batch: { size: 9, waitMs: 1_000 } })
    consumer.handle(NoteWritten, works)
    await consumer.start()
    await settledAll(consumer, 9)
    expect(await transactions(world)).toEqual(['seenreused', 'ab'])
    const counts = { committed: 2, duplicate: 2, parked: 5, retried: 0, released: 0 }
    expect(consumer.health().counts).toMatchObject(counts)
    expect(await parked(world, 5)).toEqual({
      reused: 'id-reuse',
      a: 'id-reuse',
      plain: 'undecodable',
      empty: 'schema-invalid',
      unknown: 'unknown-type',
    })
  })
})
