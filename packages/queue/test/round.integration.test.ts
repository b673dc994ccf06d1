// What becomes sendable while a relay is in the middle of a round: rows that commit late, partitions that
// fall to it, rows whose wait is over. None of them may be overtaken by a newer row of its key.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus, Relay } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { createWorld, inTransaction } from './support/world.ts'
import type { World } from './support/world.ts'

const FILLERS = 40

let world: World
let bus: Bus
beforeEach(async () => {
  world = await createWorld()
  bus = world.bus({ topology: topology() })
  await bus.topology.apply()
})
afterEach(async () => {
  await world.dispose()
})

const topology = (): object => ({
  exchange: world.exchange,
  bindings: [{ queue: world.queue, types: ['notes.written'] }],
})

const publish = (subject: string, text: string): Promise<{ id: string }> =>
  inTransaction(bus, world.db, (trx) => bus.outbox(trx).publish(NoteWritten, { subject, text }))

/** Rows of other keys, none in the partition of this one. */
async function fill(subject: string): Promise<void> {
  const { rows } = await sql<{ key: string }>`
    select 'filler ' || n as key from generate_series(1, 999) n
    where (hashtextextended('filler ' || n, 0) & 15) <> (hashtextextended(${subject}, 0) & 15)
    limit ${FILLERS}`.execute(world.db)
  await inTransaction(bus, world.db, async (trx) => {
    for (const { key } of rows) {
      await bus.outbox(trx).publish(NoteWritten, { subject: key, text: 'filler' })
    }
  })
}

/** A relay that takes two rows at a time, and what happens while it has its second two in hand. */
function relayThatMeets(event: (relay: Relay) => Promise<unknown>, leaseMs = 30_000): Relay {
  let claims = 0
  const relay: Relay = world
    .bus({
      topology: topology(),
      probe: async (name) => {
        if (name === 'relay.claimed' && (claims += 1) === 2) await event(relay)
      },
    })
    .relay({ batchSize: 2, pollMs: 10, leaseMs })
  relay.start()
  return relay
}

/** What was sent of the fillers and two more, without the fillers. */
async function sentInOrder(): Promise<string[]> {
  const texts: string[] = []
  for (let n = 0; n < FILLERS + 2; n += 1) {
    texts.push(JSON.parse((await world.take(world.queue)).content.toString()).text)
  }
  return texts.filter((text) => text !== 'filler')
}

async function leaseElsewhere(id: string, lease: '-infinity' | '1 hour'): Promise<void> {
  await sql`update queue.partition set owner = 'other', epoch = epoch + 1,
    leased_until = case when ${lease} = '1 hour' then now() + interval '1 hour' else '-infinity' end
    where id = (select partition from queue.outbox where id = ${id})`.execute(world.db)
}

async function rowsOf(id: string): Promise<number> {
  const { rows } = await sql`select 1 from queue.outbox where id = ${id}`.execute(world.db)
  return rows.length
}

describe('a key in the middle of a round', () => {
  it('QUEUE-19 is not overtaken by a row written after one that committed late', async () => {
    const late = await world.db.startTransaction().execute()
    await bus.outbox(late).publish(NoteWritten, { subject: 'K', text: 'first' })
    await fill('K')
    relayThatMeets(async () => {
      await late.commit().execute()
      await publish('K', 'second')
    })
    expect(await sentInOrder()).toEqual(['first', 'second'])
  })

  it('QUEUE-19 begins with its oldest row when its partition falls to the relay', async () => {
    const { id } = await publish('K', 'first')
    await leaseElsewhere(id, '1 hour')
    await fill('K')
    await publish('K', 'second')
    relayThatMeets(async (relay) => {
      await leaseElsewhere(id, '-infinity')
      await waitFor(() => relay.health().leasedPartitions === 16)
    }, 1_000)
    expect(await sentInOrder()).toEqual(['first', 'second'])
  })

  it('QUEUE-19 begins with the row whose wait for a retry is over', async () => {
    const { id } = await publish('K', 'first')
    await sql`update queue.outbox set attempts = 1, available_at = now() + interval '1 hour'
      where id = ${id}`.execute(world.db)
    await fill('K')
    await publish('K', 'second')
    relayThatMeets(() =>
      sql`update queue.outbox set available_at = now() where id = ${id}`.execute(world.db),
    )
    expect(await sentInOrder()).toEqual(['first', 'second'])
  })

  it('QUEUE-19 goes on behind a row that somebody cancels, once that is decided', async () => {
    const { id } = await publish('K', 'first')
    await fill('K')
    await publish('K', 'second')
    const canceller = await world.db.startTransaction().execute()
    expect(await bus.outbox(canceller).cancel(id)).toBe(true)
    relayThatMeets(() => canceller.rollback().execute())
    expect(await sentInOrder()).toEqual(['first', 'second'])
  })
})

describe('what a relay had in hand', () => {
  it('QUEUE-42 is remembered of a row whose lease was lost, when the others are all sent', async () => {
    const { id } = await publish('K', 'lost')
    await fill('K')
    let isFirst = true
    const relay = world.bus({
      topology: topology(),
      probe: async (name) => {
        if (name !== 'relay.confirmed' || !isFirst) return
        isFirst = false
        await leaseElsewhere(id, '1 hour')
        // The round records the rest together, and that last.
        await waitFor(async () => (await world.ready()) === FILLERS + 1)
      },
    })
    relay.relay({ batchSize: 16, pollMs: 60_000 }).start()
    await waitFor(async () => {
      const { rows } = await sql`select 1 from queue.claim`.execute(world.db)
      return rows.length === 0 && (await world.outboxRows()) === 1
    })
    expect(await inTransaction(bus, world.db, (trx) => bus.outbox(trx).cancel(id))).toBe(false)
  })

  it('QUEUE-42 is not cleaned up as cancelled before its confirm is written down', async () => {
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    const { promise: holds, resolve: isThere } = Promise.withResolvers<void>()
    const slow = world.bus({
      topology: topology(),
      probe: async (name) => {
        if (name !== 'relay.claimed') return
        isThere()
        await held
      },
    })
    const { id } = await publish('K', 'x')
    slow.relay({ pollMs: 20, leaseMs: 60_000 }).start()
    await holds
    expect(await inTransaction(bus, world.db, (trx) => bus.outbox(trx).cancel(id))).toBe(false)
    await sql`insert into queue.outbox
      (id, partition, key, exchange, routing_key, type, headers, payload, state, settled_at)
      select 'old', 0, 'old', exchange, routing_key, type, headers, payload, 'sent', now()
      from queue.outbox`.execute(world.db)
    bus.relay().start()
    try {
      await waitFor(async () => (await rowsOf('old')) === 0)
      expect(await rowsOf(id)).toBe(1)
    } finally {
      goOn()
    }
    expect((await world.take(world.queue)).properties.messageId).toBe(id)
    await waitFor(async () => (await world.outboxRows()) === 0)
    expect(await bus.reconcile()).toMatchObject({ outbox: { confirmed: 1, cancelled: 0 } })
  })
})
