// The outbox: what is written in a transaction leaves after its commit, in order for a key, and what
// was cancelled in time never leaves. Assertions read the broker and the tables, not the relay.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus, ConfirmedRow } from '../src/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
beforeEach(async () => {
  world = await createWorld()
  bus = world.publishingBus()
  await bus.topology.apply()
})
afterEach(async () => {
  await world.dispose()
})

const publish = (text: string, subject = 'a', options = {}): Promise<{ id: string }> =>
  inTransaction(bus, world.db, (trx) =>
    bus.outbox(trx).publish(NoteWritten, { subject, text }, options),
  )

async function takeTexts(count: number): Promise<string[]> {
  const texts: string[] = []
  while (texts.length < count) {
    const message = await world.take(world.queue)
    texts.push(JSON.parse(message.content.toString()).text)
  }
  return texts
}

/** Rows by state, and how many were deleted as sent. */
async function states(): Promise<Record<string, number>> {
  const { rows } = await sql<{ state: string; count: number }>`
    select state, count(*)::integer as count from queue.outbox group by state
    union all
    select 'sent', sum(removed)::integer from queue.outbox_removed where state = 'sent'
    having sum(removed) > 0`.execute(world.db)
  return Object.fromEntries(rows.map((row) => [row.state, row.count]))
}

describe('bus.outbox', () => {
  it('sends what committed, and nothing that rolled back', async () => {
    bus.relay().start()
    await expect(
      inTransaction(bus, world.db, async (trx) => {
        await bus.outbox(trx).publish(NoteWritten, { subject: 'a', text: 'rolled back' })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    const { id } = await publish('committed')
    const message = await world.take(world.queue)
    expect(message.properties.messageId).toBe(id)
    expect(message.properties.headers).toMatchObject({ 'cloudEvents:id': id })
    expect(JSON.parse(message.content.toString())).toEqual({ subject: 'a', text: 'committed' })
    await waitFor(async () => (await states())['sent'] === 1)
    expect(await world.ready()).toBe(0)
  })

  it('refuses an id that is in the outbox, and data its schema refuses', async () => {
    await publish('one', 'a', { id: 'same' })
    await expect(publish('two', 'a', { id: 'same' })).rejects.toMatchObject({
      code: 'QUEUE_DUPLICATE_MESSAGE_ID',
    })
    await expect(publish('x', '')).rejects.toMatchObject({ code: 'QUEUE_INVALID_MESSAGE' })
    expect(await states()).toEqual({ pending: 1 })
  })

  it('says what to run when its tables are missing', async () => {
    const unmigrated = world.publishingBus({ schema: 'never_migrated' })
    const note = { subject: 'a', text: 'x' }
    const publishing = inTransaction(unmigrated, world.db, (trx) =>
      unmigrated.outbox(trx).publish(NoteWritten, note),
    )
    const error = { code: 'QUEUE_NOT_MIGRATED', retryable: false, cause: { code: '42P01' } }
    await expect(publishing).rejects.toMatchObject(error)
    await expect(unmigrated.outboxDepth()).rejects.toThrow('run migrateQueue')
  })

  it('QUEUE-40 orders by the number of the row, not by its time', async () => {
    for (let index = 0; index < 50; index += 1) await publish(`${index}`, `key-${index % 3}`)
    await sql`update queue.outbox set created_at = '2020-01-01'::timestamptz
      + (random() * interval '1 day')`.execute(world.db)
    bus.relay({ batchSize: 7 }).start()
    const texts = await takeTexts(50)
    for (const key of [0, 1, 2]) {
      const ofKey = texts.map(Number).filter((index) => index % 3 === key)
      expect(ofKey).toEqual(ofKey.toSorted((a, b) => a - b))
    }
  })

  it('QUEUE-36 a transaction that stays open holds nothing up and is not skipped', async () => {
    bus.relay().start()
    const long = await world.database.pool.connect()
    await long.query('begin')
    await sql`select 1`.execute(world.db)
    await long.query(
      `insert into queue.outbox (id, partition, key, exchange, routing_key, type, headers, payload)
       values ('early', 0, 'k', $1, 'notes.written', 'notes.written', '{}', '{"text":"early"}')`,
      [world.exchange],
    )
    await publish('late')
    expect(await takeTexts(1)).toEqual(['late'])
    await waitFor(async () => (await states())['sent'] === 1)
    await long.query('commit')
    long.release()
    expect(await takeTexts(1)).toEqual(['early'])
  })
})

describe('bus.outbox.cancel', () => {
  it('stops what no relay has had in hand: true means it never leaves', async () => {
    const { id } = await publish('never')
    const cancelled = await inTransaction(bus, world.db, (trx) => bus.outbox(trx).cancel(id))
    expect(cancelled).toBe(true)
    bus.relay({ retentionMs: 60_000 }).start()
    await publish('marker')
    expect(await takeTexts(1)).toEqual(['marker'])
    expect(await states()).toMatchObject({ cancelled: 1 })
    expect(await world.ready()).toBe(0)
  })

  it('is part of the transaction: a rollback sends the message after all', async () => {
    const { id } = await publish('after all')
    await expect(
      inTransaction(bus, world.db, async (trx) => {
        expect(await bus.outbox(trx).cancel(id)).toBe(true)
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    bus.relay().start()
    expect(await takeTexts(1)).toEqual(['after all'])
  })

  it('answers false for what was sent, what is unknown, and what a relay has in hand', async () => {
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    let claimed = false
    const slow = world.publishingBus({
      probe: async (name) => {
        if (name !== 'relay.claimed') return
        claimed = true
        await held
      },
    })
    const { id } = await publish('in hand')
    slow.relay().start()
    await waitFor(() => claimed)
    const cancel = (which: string): Promise<boolean> =>
      inTransaction(bus, world.db, (trx) => bus.outbox(trx).cancel(which))
    expect(await cancel(id)).toBe(false)
    expect(await cancel('nobody')).toBe(false)
    goOn()
    expect(await takeTexts(1)).toEqual(['in hand'])
    // Cancelled and sent: what happened is what is recorded.
    await waitFor(async () => (await states())['sent'] === 1)
    expect(await cancel(id)).toBe(false)
  })

  it('keeps working while the broker is away, since nothing is claimed then', async () => {
    const away = world.publishingBus({ broker: { url: 'amqp://127.0.0.1:1' } })
    away.relay({ pollMs: 10 }).start()
    const { id } = await publish('never')
    await waitFor(() => world.eventsOf('connection.down').length >= 4)
    const cancelled = await inTransaction(bus, world.db, (trx) => bus.outbox(trx).cancel(id))
    expect(cancelled).toBe(true)
  })

  it('a claim passes over a row that is being cancelled, and over later rows of its key', async () => {
    const first = await publish('first', 'a')
    await publish('second', 'a')
    await publish('other', 'b')
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    let locked = false
    const undecided = world.db
      .transaction()
      .execute(async (trx) => {
        await bus.outbox(trx).cancel(first.id)
        locked = true
        await held
        throw new Error('changed my mind')
      })
      .catch(() => {})
    await waitFor(() => locked)
    bus.relay({ pollMs: 10 }).start()
    expect(await takeTexts(1)).toEqual(['other'])
    await waitFor(async () => (await states())['sent'] === 1)
    expect(await world.ready()).toBe(0)
    goOn()
    await undecided
    expect(await takeTexts(2)).toEqual(['first', 'second'])
  })
})

describe('bus.relay', () => {
  it('tells onConfirmed in the transaction that marks the rows', async () => {
    const seen: ConfirmedRow[] = []
    let failures = 1
    bus
      .relay({
        pollMs: 20,
        onConfirmed: async (trx, rows) => {
          for (const row of rows) await leaveEffect(trx, row.id, row.key)
          if (failures-- > 0) throw new Error('once')
          seen.push(...rows)
        },
      })
      .start()
    const { id } = await publish('x', 'the-key')
    await waitFor(async () => (await states())['sent'] === 1)
    expect(seen).toEqual([{ id, type: 'notes.written', key: 'the-key' }])
    // The first attempt rolled back together with its mark, so the effect is there once.
    expect(await world.effects()).toEqual(['the-key'])
    expect(await takeTexts(2)).toEqual(['x', 'x'])
  })

  it('QUEUE-20 parks a row the broker keeps refusing, and sends the rest of its key', async () => {
    const relay = bus.relay({ maxAttempts: 1 })
    relay.start()
    const lost = await inTransaction(bus, world.db, (trx) =>
      bus.outbox(trx).publish(NoteFiled, { subject: 'a', text: 'nobody listens' }),
    )
    await publish('after it', 'a')
    expect(await takeTexts(1)).toEqual(['after it'])
    await waitFor(() => world.eventsOf('relay.parked').length === 1)
    expect(world.eventsOf('relay.parked')[0]).toMatchObject({
      id: lost.id,
      error: { code: 'QUEUE_UNROUTABLE' },
    })
    await waitFor(async () => (await bus.outboxDepth()).pending === 0)
    expect(await bus.outboxDepth()).toMatchObject({ pending: 0, parked: 1 })
    expect(relay.health()).toMatchObject({ confirmed: 1, refused: 1, parked: 1 })
  })

  it('QUEUE-19 a refused row waits, keeps its key behind it and lets others pass', async () => {
    bus.relay({ pollMs: 20 }).start()
    await inTransaction(bus, world.db, async (trx) => {
      await bus.outbox(trx).publish(NoteFiled, { subject: 'a', text: 'refused at first' })
      await bus.outbox(trx).publish(NoteWritten, { subject: 'a', text: 'behind it' })
      await bus.outbox(trx).publish(NoteWritten, { subject: 'b', text: 'passes' })
    })
    expect(await takeTexts(1)).toEqual(['passes'])
    await waitFor(() => world.eventsOf('relay.refused').length > 0)
    expect(await world.ready()).toBe(0)
    const channel = await world.channel()
    await channel.bindQueue(world.queue, world.exchange, 'notes.filed')
    expect(await takeTexts(2)).toEqual(['refused at first', 'behind it'])
  })

  it('QUEUE-19 rows of a connection that breaks before the confirms are sent again', async () => {
    await using proxy = await Proxy.to(world.rabbitmqUrl)
    let cuts = 0
    const shaky = world.publishingBus({
      broker: { url: proxy.url },
      probe: (name) => {
        if (name === 'relay.claimed' && cuts++ < 3) setImmediate(() => proxy.cut())
      },
    })
    const ids = new Set<string>()
    for (let index = 0; index < 100; index += 1) ids.add((await publish(`${index}`, `${index}`)).id)
    shaky.relay({ batchSize: 40, pollMs: 10 }).start()
    const seen = new Set<unknown>()
    while (seen.size < 100) seen.add((await world.take(world.queue)).properties.messageId)
    expect(seen).toEqual(ids)
    await waitFor(async () => (await states())['sent'] === 100)
    await shaky.drain()
  })

  it('QUEUE-19 keeps each key in order across batches that are claimed ahead', async () => {
    const texts = Array.from({ length: 30 }, (_, index) => `${index}`)
    await inTransaction(bus, world.db, async (trx) => {
      for (const [index, text] of texts.entries()) {
        // The tenth is refused when the batch behind it has been claimed already.
        const message = index === 10 ? NoteFiled : NoteWritten
        await bus.outbox(trx).publish(message, { subject: 'a', text })
        await bus.outbox(trx).publish(NoteWritten, { subject: 'b', text: `b${text}` })
      }
    })
    bus.relay({ batchSize: 4, pollMs: 20 }).start()
    const before = await takeTexts(40)
    expect(before.filter((text) => text.startsWith('b'))).toEqual(texts.map((text) => `b${text}`))
    expect(before.filter((text) => !text.startsWith('b'))).toEqual(texts.slice(0, 10))
    const channel = await world.channel()
    await channel.bindQueue(world.queue, world.exchange, 'notes.filed')
    expect(await takeTexts(20)).toEqual(texts.slice(10))
  })

  it('two relays share the partitions and send every row', async () => {
    const other = world.publishingBus()
    bus.relay({ partitions: 8, pollMs: 20 }).start()
    other.relay({ partitions: 8, pollMs: 20 }).start()
    const ids = new Set<string>()
    for (let index = 0; index < 60; index += 1) ids.add((await publish(`${index}`, `${index}`)).id)
    await waitFor(async () => (await states())['sent'] === 60)
    const relays = [...bus.health().relays, ...other.health().relays]
    expect(relays.map((relay) => relay.leasedPartitions)).toEqual([8, 8])
    expect(relays.every((relay) => relay.confirmed > 0)).toBe(true)
    expect(await world.ready()).toBe(60)
  })

  it('gives its leases back when it stops, and starts again', async () => {
    const relay = bus.relay()
    relay.start()
    await waitFor(() => relay.health().leasedPartitions === 16)
    await relay.stop()
    const owners = await sql`select 1 from queue.partition where owner is not null`.execute(
      world.db,
    )
    expect(owners.rows).toEqual([])
    relay.start()
    await publish('again')
    expect(await takeTexts(1)).toEqual(['again'])
  })

  it('deletes settled rows after their retention', async () => {
    bus.relay({ retentionMs: 3_600_000, pollMs: 10 }).start()
    await publish('x')
    await takeTexts(1)
    await waitFor(async () => (await states())['sent'] === 1)
    expect(await world.outboxRows()).toBe(1)
    world.publishingBus().relay({ retentionMs: 0, pollMs: 10 }).start()
    await waitFor(async () => (await world.outboxRows()) === 0)
    expect(await states()).toEqual({ sent: 1 })
  })

  it('deletes them also while it always finds rows to send', async () => {
    await inTransaction(bus, world.db, async (trx) => {
      for (let text = 0; text < 1_000; text += 1) {
        await bus.outbox(trx).publish(NoteWritten, { subject: 'a', text: `${text}` })
      }
      const { id } = await bus.outbox(trx).publish(NoteWritten, { subject: 'b', text: 'cancelled' })
      await bus.outbox(trx).cancel(id)
    })
    bus.relay({ retentionMs: 0, batchSize: 1, pollMs: 10 }).start()
    const left = await waitFor(async () => {
      const counts = await states()
      return (counts['cancelled'] ?? 0) === 0 && counts
    })
    expect(left).toMatchObject({ pending: expect.any(Number) })
  })
})
