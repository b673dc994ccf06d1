// Batches of a consumer with `order: 'key'`: a batch holds the next message of each key, so nothing
// of a key that failed can overtake it; and a storm of all kinds of messages in batches of any size.
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { OneStepHandler } from '../src/index.ts'
import { fail, settledAll, transactions } from './support/batches.ts'
import { NoteWritten } from './support/messages.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(async () => {
  await world.dispose()
})

/** Publishes texts whose first letter is their key, into a queue that keeps the order. */
async function orderedBus(texts: readonly string[]): Promise<ReturnType<World['bus']>> {
  const binding = { queue: world.queue, types: ['notes.written'], order: 'key' as const }
  const bus = world.bus({ topology: { exchange: world.exchange, bindings: [binding] } })
  await bus.topology.apply()
  for (const text of texts) {
    await bus.publish(NoteWritten, { subject: text.slice(0, 1), text }, { id: text })
  }
  return bus
}

const ofKey = (key: string, texts: readonly string[]): string[] =>
  texts.filter((text) => text.startsWith(key))

describe("a batch with order: 'key'", () => {
  const texts = ['a1', 'a2', 'b1', 'a3', 'c1', 'b2', 'c2', 'b3', 'c3']

  it.each([
    ['handle', 'a1c1'],
    ['handleBatch', 'a1'],
  ] as const)(
    'QUEUE-29 %s: holds one message of a key, and nothing overtakes the one that failed',
    async (way, firstCommit) => {
      const bus = await orderedBus(texts)
      const options = { order: 'key', retry: { attempts: 3, delaysMs: [100] } } as const
      const consumer = bus.consumer({
        name: 'notes',
        queue: world.queue,
        messages: [NoteWritten],
        concurrency: 1,
        batch: { size: 20, waitMs: 100 },
        ...options,
      })
      const together: string[][] = []
      let failures = 0
      const works = (text: string): void => {
        if (text === 'b1' && failures < 2) {
          failures += 1
          fail()
        }
      }
      if (way === 'handle') {
        consumer.handle(NoteWritten, async ({ id, data }, { trx }) => {
          await leaveEffect(trx, id, data.text)
          works(data.text)
        })
      } else {
        consumer.handleBatch(NoteWritten, async (messages, { trx }) => {
          together.push(messages.map(({ data }) => data.subject))
          for (const { id, data } of messages) {
            await leaveEffect(trx, id, data.text)
            if (messages.length === 1) works(data.text)
            else if (data.text === 'b1' && failures < 2) fail()
          }
        })
      }
      await consumer.start()
      const effects = await world.waitForEffects(9)
      for (const key of ['a', 'b', 'c']) {
        expect(ofKey(key, effects)).toEqual(ofKey(key, texts).toSorted())
      }
      expect(effects.indexOf('b1')).toBeGreaterThan(effects.indexOf('c2'))
      for (const keys of together) expect(new Set(keys).size).toBe(keys.length)
      expect((await transactions(world))[0]).toBe(firstCommit)
      await settledAll(consumer, 9)
      expect(consumer.health().counts).toMatchObject({ delivered: 9, committed: 9 })
    },
  )
})

/** Kinds of message, and what must become of each. */
const kinds = [
  'fine',
  'fails once',
  'fails',
  'dead',
  'swallows',
  'copied',
  'reused',
  'broken',
] as const
type Kind = (typeof kinds)[number]

describe('batches of every kind of message', () => {
  it('QUEUE-10 QUEUE-27 settle each for what it is, in batches of any size', async () => {
    let run = 0
    const storm = fc.record({
      messages: fc.array(fc.constantFrom(...kinds), { minLength: 5, maxLength: 40 }),
      size: fc.integer({ min: 2, max: 30 }),
      concurrency: fc.integer({ min: 1, max: 3 }),
      setBased: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(storm, async (given) => {
        run += 1
        await expectFates(`${run}`, given)
      }),
      { numRuns: 6, endOnFailure: true },
    )
  })
})

async function expectFates(
  run: string,
  given: { messages: readonly Kind[]; size: number; concurrency: number; setBased: boolean },
): Promise<void> {
  const queue = world.queue + run
  const type = 'notes.written'
  const binding = { queue, types: [type] }
  const exchange = world.exchange + run
  const bus = world.bus({ topology: { exchange, bindings: [binding] } })
  await bus.topology.apply()
  const ids = given.messages.map((kind, index) => `${run}-${index}-${kind}`)
  let copies = 0
  for (const id of ids) {
    const kind = id.slice(id.lastIndexOf('-') + 1)
    if (kind === 'broken') {
      await world.send(queue, '{}', { messageId: id, type, contentType: 'application/json' })
      continue
    }
    await bus.publish(NoteWritten, { subject: 's', text: id }, { id })
    if (kind === 'copied') await bus.publish(NoteWritten, { subject: 's', text: id }, { id })
    if (kind === 'reused') await bus.publish(NoteWritten, { subject: 's', text: 'other' }, { id })
    if (kind === 'copied' || kind === 'reused') copies += 1
  }
  const failedBefore = new Set<string>()
  const work: OneStepHandler<typeof NoteWritten, any> = async ({ id, data }, { trx }) => {
    if (id.endsWith('dead')) throw deadLetter('dead')
    const swallows = id.endsWith('swallows')
    await leaveEffect(trx, id, swallows ? 'forbidden' : data.text).catch((error: unknown) => {
      if (!swallows) throw error
    })
    if (id.endsWith('fails')) fail()
    if (id.endsWith('fails once') && !failedBefore.has(id)) {
      failedBefore.add(id)
      fail()
    }
  }
  const consumer = bus.consumer({
    name: `notes-${run}`,
    queue,
    messages: [NoteWritten],
    concurrency: given.concurrency,
    batch: { size: given.size, waitMs: 50 },
    retry: { attempts: 2, delaysMs: [20] },
  })
  if (given.setBased) {
    consumer.handleBatch(NoteWritten, async (messages, context) => {
      for (const message of messages) {
        await work(message, { ...context, attempt: 1, redelivered: false })
      }
    })
  } else consumer.handle(NoteWritten, work)
  await consumer.start()
  const count = (...wanted: readonly Kind[]): number =>
    given.messages.filter((kind) => wanted.includes(kind)).length
  const parked = count('fails', 'dead', 'swallows', 'reused', 'broken')
  const committed = count('fine', 'fails once', 'copied', 'reused')
  await waitFor(() => {
    const { counts } = consumer.health()
    return counts.committed >= committed && counts.parked >= parked && counts.inFlight === 0
  })
  await settledAll(consumer, ids.length + copies)
  expect(consumer.health().counts).toMatchObject({
    committed,
    parked,
    duplicate: count('copied'),
    released: 0,
    abandoned: 0,
  })
  const effects = await sql<{ id: string }>`
    select message_id as id from effect where message_id like ${`${run}-%`}`.execute(world.db)
  const expected = ids.filter((id) => /(fine|once|copied|reused)$/.test(id))
  expect(effects.rows.map(({ id }) => id).toSorted()).toEqual(expected.toSorted())
  await bus.drain()
  expect(await world.ready(queue)).toBe(0)
  const channel = await world.channel()
  for (const suffix of ['', '.parked', '.wait.20']) await channel.deleteQueue(queue + suffix)
  await channel.deleteExchange(exchange)
}
