// handleBatch: one handler for many messages, whose failure is laid at the door of the message that
// caused it; and two-step handlers, whose decisions are made before the batch's transaction.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { BatchHandler, Bus } from '../src/index.ts'
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
} from './support/batches.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
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

/** Writes all notes with one statement; throws for a note in `bad`, as a constraint would. */
function writesAll(bad = ''): {
  readonly runs: string[]
  readonly handler: BatchHandler<typeof NoteWritten, any>
} {
  const runs: string[] = []
  const handler: BatchHandler<typeof NoteWritten, any> = async (messages, { trx }) => {
    const texts = messages.map(({ data }) => data.text)
    runs.push(texts.join(''))
    await sql`insert into effect (message_id, note)
      select * from unnest(${messages.map(({ id }) => id)}::text[], ${texts}::text[])`.execute(trx)
    if (texts.some((text) => bad.includes(text))) fail()
  }
  return { runs, handler }
}

describe('handleBatch', () => {
  it('gives all messages of a batch to one call, in one transaction', async () => {
    await publishAll(bus, letters)
    const { runs, handler } = writesAll()
    const consumer = batchConsumer(bus, world).handleBatch(NoteWritten, handler)
    await consumer.start()
    await settledAll(consumer, 8)
    expect(runs).toEqual(['abcdefgh'])
    expect(await transactions(world)).toEqual(['abcdefgh'])
    expect(consumer.health().counts).toMatchObject({ delivered: 8, committed: 8 })
  })

  it('QUEUE-27 isolates who makes it throw, and commits the others', async () => {
    await publishAll(bus, letters)
    const { runs, handler } = writesAll('c')
    const consumer = batchConsumer(bus, world).handleBatch(NoteWritten, handler)
    await consumer.start()
    expect(await parked(world, 1)).toEqual({ c: 'attempts-exhausted' })
    await settledAll(consumer, 8)
    expect(runs).toEqual(['abcdefgh', 'abcd', 'ab', 'cd', 'c', 'd', 'efgh'])
    expect(await transactions(world)).toEqual(['ab', 'd', 'efgh'])
    expect(await inboxIds(world)).toEqual(Array.from('abdefgh'))
    expect(consumer.health().counts).toMatchObject({ committed: 7, parked: 1 })
  })

  it('QUEUE-27 runs a message at most ⌈log₂ n⌉ + 1 times, however many are bad', async () => {
    await publishAll(bus, letters)
    const { runs, handler } = writesAll('abcdefgh')
    const consumer = batchConsumer(bus, world).handleBatch(NoteWritten, handler)
    await consumer.start()
    expect(Object.keys(await parked(world, 8)).toSorted()).toEqual(letters)
    for (const letter of letters) {
      expect(runs.filter((run) => run.includes(letter))).toHaveLength(4)
    }
    await settledAll(consumer, 8)
    expect(await world.effects()).toEqual([])
  })

  it('takes deadLetter from the one that is left alone, and its next tries too', async () => {
    await publishAll(bus, letters)
    const alone: string[] = []
    const consumer = batchConsumer(bus, world, { retry: { attempts: 3, delaysMs: [20] } })
    consumer.handleBatch(NoteWritten, async (messages, { trx }) => {
      for (const { id, data } of messages) {
        if (messages.length === 1) alone.push(data.text)
        if (data.text === 'g') throw deadLetter('no-such-account')
        if (data.text === 'b' && alone.filter((text) => text === 'b').length < 3) fail()
        await leaveEffect(trx, id, data.text)
      }
    })
    await consumer.start()
    expect(await parked(world, 1)).toEqual({ g: 'no-such-account' })
    await world.waitForEffects(7)
    await settledAll(consumer, 10)
    expect(alone.filter((text) => text === 'b')).toHaveLength(3)
    expect(consumer.health().counts).toMatchObject({ committed: 7, retried: 2, parked: 1 })
  })

  it('QUEUE-02 gives it no message that was committed, and none twice', async () => {
    const { runs, handler } = writesAll()
    const consumer = batchConsumer(bus, world, { batch: { size: 4, waitMs: 1_000 } })
    consumer.handleBatch(NoteWritten, handler)
    await publishAll(bus, ['a'])
    await consumer.start()
    await settledAll(consumer, 1)
    await publishAll(bus, ['b', 'a', 'c', 'b'])
    await settledAll(consumer, 5)
    expect(runs).toEqual(['a', 'bc'])
    expect(consumer.health().counts).toMatchObject({ committed: 3, duplicate: 2 })
    await publishAll(bus, ['a', 'b', 'c'])
    await settledAll(consumer, 8)
    expect(runs).toEqual(['a', 'bc'])
  })

  it('has a transaction of its own beside handlers of other messages', async () => {
    for (const text of letters) {
      const message = 'aeg'.includes(text) ? NoteFiled : NoteWritten
      await bus.publish(message, note(text), { id: text })
    }
    const { runs, handler } = writesAll('d')
    const consumer = batchConsumer(bus, world, { messages: [NoteWritten, NoteFiled] })
      .handleBatch(NoteWritten, handler)
      .handle(NoteFiled, works)
    await consumer.start()
    await settledAll(consumer, 8)
    expect(runs[0]).toBe('bcdfh')
    expect((await transactions(world)).toSorted()).toEqual(['aeg', 'bc', 'fh'])
    expect(await parked(world, 1)).toEqual({ d: 'attempts-exhausted' })
  })

  it('publishes to its outbox once, whatever was rolled back before', async () => {
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world)
    consumer.handleBatch(NoteWritten, async (messages, { trx, outbox }) => {
      for (const { id, data } of messages) {
        await leaveEffect(trx, id, data.text)
        await outbox.publish(NoteFiled, data, { id: `${id}-filed` })
        if (data.text === 'e') fail()
      }
    })
    await consumer.start()
    await settledAll(consumer, 8)
    const { rows } = await sql<{ id: string }>`select id from queue.outbox order by seq`.execute(
      world.db,
    )
    expect(rows.map(({ id }) => id)).toEqual(Array.from('abcdfgh', (letter) => `${letter}-filed`))
  })

  it('QUEUE-05 parks the one that swallows its SQL error, not its neighbours', async () => {
    await publishAll(bus, letters)
    const consumer = batchConsumer(bus, world)
    consumer.handleBatch(NoteWritten, async (messages, { trx }) => {
      for (const { id, data } of messages) {
        await leaveEffect(trx, id, data.text === 'b' ? 'forbidden' : data.text).catch(() => {})
      }
    })
    await consumer.start()
    expect(await parked(world, 1)).toEqual({ b: 'attempts-exhausted' })
    await settledAll(consumer, 8)
    expect((await world.effects()).toSorted()).toEqual(Array.from('acdefgh'))
  })

  it('is refused without the option "batch", and beside another handler', () => {
    const { handler } = writesAll()
    const plain = bus.consumer({ name: 'plain', queue: world.queue, messages: [NoteWritten] })
    expect(() => plain.handleBatch(NoteWritten, handler)).toThrow('needs the option "batch"')
    const consumer = batchConsumer(bus, world).handle(NoteWritten, works)
    expect(() => consumer.handleBatch(NoteWritten, handler)).toThrow('two handlers')
    for (const batch of [{ size: 1 }, { size: 501 }, { waitMs: -1 }, { waitMs: 1_001 }]) {
      expect(() => batchConsumer(bus, world, { name: 'x', batch })).toThrow('batch.')
    }
    expect(() => batchConsumer(bus, world, { name: 'x', prefetch: 7 })).toThrow('prefetch')
  })
})

describe('a two-step handler in a batch', () => {
  it('decides for all at once before the transaction, and records in one', async () => {
    await publishAll(bus, letters)
    const together = Promise.withResolvers<void>()
    let deciding = 0
    const consumer = batchConsumer(bus, world).handle(NoteWritten, {
      decide: async (message) => {
        deciding += 1
        if (deciding === 8) together.resolve()
        await together.promise
        return `${message.data.text}!`
      },
      record: (message, decision, { trx }) => leaveEffect(trx, message.id, decision),
    })
    await consumer.start()
    await settledAll(consumer, 8)
    expect(await transactions(world)).toEqual(['a!b!c!d!e!f!g!h!'])
  })

  it('QUEUE-27 tries that message again whose decision failed, and not its neighbours', async () => {
    await publishAll(bus, letters)
    const decided: string[] = []
    let failures = 0
    const consumer = batchConsumer(bus, world, { retry: { attempts: 2, delaysMs: [20] } })
    consumer.handle(NoteWritten, {
      decide: async ({ data }) => {
        decided.push(data.text)
        if (data.text === 'b' && failures++ === 0) fail()
        if (data.text === 'd') throw deadLetter('refused')
        return data.text
      },
      record: (message, decision, { trx }) => leaveEffect(trx, message.id, decision),
    })
    await consumer.start()
    await settledAll(consumer, 9)
    expect(await parked(world, 1)).toEqual({ d: 'refused' })
    expect(await transactions(world)).toEqual(['acefgh', 'b'])
    expect(decided.filter((text) => text === 'b')).toHaveLength(2)
    expect(decided).toHaveLength(9)
  })

  it('asks nobody about what is on record, and not again when a neighbour spoils the COMMIT', async () => {
    await sql`create table late (id text unique deferrable initially deferred)`.execute(world.db)
    await sql`insert into late values ('c')`.execute(world.db)
    const decided: string[] = []
    const consumer = batchConsumer(bus, world, { batch: { size: 4, waitMs: 1_000 } })
    consumer.handle(NoteWritten, {
      decide: async ({ data }) => {
        decided.push(data.text)
        return data.text
      },
      record: async (message, decision, { trx }) => {
        await leaveEffect(trx, message.id, decision)
        await sql`insert into late values (${message.id})`.execute(trx)
      },
    })
    await consumer.start()
    await publishAll(bus, ['a'])
    await settledAll(consumer, 1)
    await publishAll(bus, ['a', 'b', 'c', 'd'])
    await settledAll(consumer, 5)
    expect(decided.toSorted()).toEqual(['a', 'b', 'c', 'd'])
    await waitFor(() => consumer.health().counts.parked === 1)
    expect((await world.effects()).toSorted()).toEqual(['a', 'b', 'd'])
  })
})
