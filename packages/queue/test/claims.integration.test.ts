// A relay's claim is one row for a whole batch. What `cancel` answers must not depend on that: `true` only
// for what no relay ever had in hand, whichever version of the code asks, and whatever became of the relay.
import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { createQueueMigrations, migrateQueue } from '../src/index.ts'
import type { Bus, Relay } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { spawnWorker } from './support/spawn-worker.ts'
import { createWorld, inTransaction } from './support/world.ts'
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

const publish = (text: string, subject = 'a'): Promise<{ id: string }> =>
  inTransaction(bus, world.db, (trx) => bus.outbox(trx).publish(NoteWritten, { subject, text }))

const cancel = (id: string): Promise<boolean> =>
  inTransaction(bus, world.db, (trx) => bus.outbox(trx).cancel(id))

async function takeText(): Promise<string> {
  return JSON.parse((await world.take(world.queue)).content.toString()).text
}

/** Whether any claim is open. */
async function claimed(): Promise<boolean> {
  const { rows } = await sql`select 1 from queue.claim`.execute(world.db)
  return rows.length > 0
}

/** A relay that has its first rows in hand, until it is let go. */
async function relayThatHolds(): Promise<{ goOn: () => void; relay: Relay }> {
  const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
  const { promise: holds, resolve: isThere } = Promise.withResolvers<void>()
  const slow = world.publishingBus({
    probe: async (name) => {
      if (name !== 'relay.claimed') return
      isThere()
      await held
    },
  })
  const relay = slow.relay({ leaseMs: 1_000, pollMs: 20 })
  relay.start()
  await holds
  return { goOn, relay }
}

/** Where a row's partition is leased by somebody else from now on. */
async function takeOver(id: string, owner: string | null): Promise<void> {
  await sql`update queue.partition set owner = ${owner}, epoch = epoch + 1,
    leased_until = case when ${owner}::text is null then '-infinity' else now() + interval '1 hour' end
    where id = (select partition from queue.outbox where id = ${id})`.execute(world.db)
}

describe('a claim', () => {
  it('writes no row of the outbox, and is gone when its rows are', async () => {
    const { id } = await publish('x')
    const before = await sql`select xmin, xmax, ctid from queue.outbox`.execute(world.db)
    const { goOn } = await relayThatHolds()
    expect(await claimed()).toBe(true)
    const { rows } = await sql`select xmin, xmax, ctid from queue.outbox where id = ${id}`.execute(
      world.db,
    )
    expect(rows).toEqual(before.rows)
    goOn()
    expect(await takeText()).toBe('x')
    await waitFor(async () => (await world.outboxRows()) === 0 && !(await claimed()))
    expect(await bus.reconcile()).toMatchObject({
      balanced: true,
      outbox: { inserted: 1, confirmed: 1, sent: 1, pending: 0, lost: 0 },
    })
  })

  it.each(['repeatable read', 'serializable'] as const)(
    'QUEUE-42 that a transaction under %s cannot see is no reason to answer true',
    async (isolation) => {
      const { id } = await publish('x')
      const other = await publish('y', 'b')
      let goOn = (): void => {}
      const answer = await world.db
        .transaction()
        .setIsolationLevel(isolation)
        .execute(async (trx) => {
          expect(await bus.outbox(trx).cancel(other.id)).toBe(false)
          ;({ goOn } = await relayThatHolds())
          return await bus.outbox(trx).cancel(id)
        })
      expect(answer).toBe(false)
      goOn()
      expect(await takeText()).toBe('x')
      await waitFor(async () => !(await claimed()))
    },
  )

  it('QUEUE-42 that commits after a younger one, behind the snapshot of who cancels', async () => {
    const { id } = await publish('x')
    const relay = await world.db.startTransaction().execute()
    await sql`insert into queue.claim (relay, seqs)
      select 'slow', array[seq] from queue.outbox where id = ${id}`.execute(relay)
    await sql`insert into queue.claim (relay, seqs) values ('fast', '{}')`.execute(world.db)
    const answer = await world.db
      .transaction()
      .setIsolationLevel('repeatable read')
      .execute(async (trx) => {
        await sql`select 1 from queue.claim`.execute(trx)
        await relay.commit().execute()
        return await bus.outbox(trx).cancel(id)
      })
    expect(answer).toBe(false)
  })

  it('QUEUE-42 tells code of an older version, which looks at claimed_at only', async () => {
    const { id } = await publish('x')
    const { goOn } = await relayThatHolds()
    const { rows } = await sql<{ never_claimed: boolean }>`update queue.outbox
      set state = 'cancelled', settled_at = now() where id = ${id} and state = 'pending'
      returning claimed_at is null as never_claimed`.execute(world.db)
    expect(rows).toEqual([{ never_claimed: false }])
    goOn()
    expect(await takeText()).toBe('x')
  })

  it('QUEUE-42 of an older version still counts, and its rows are sent and cleaned up', async () => {
    const left = await publish('left')
    const cancelled = await publish('cancelled', 'b')
    const sent = await publish('sent', 'c')
    await sql`update queue.outbox set claimed_at = now()`.execute(world.db)
    await sql`update queue.outbox set state = 'sent', settled_at = now() - interval '1 s'
      where id = ${sent.id}`.execute(world.db)
    expect(await cancel(cancelled.id)).toBe(false)
    expect(await cancel(sent.id)).toBe(false)
    bus.relay().start()
    expect(await takeText()).toBe('left')
    await waitFor(async () => (await world.outboxRows()) === 0)
    expect(await cancel(left.id)).toBe(false)
    expect(await world.ready()).toBe(0)
  })

  it('QUEUE-42 of a relay that died is remembered by whoever finds it', async () => {
    const victim = await spawnWorker(world, { relay: { leaseMs: 1_000, pollMs: 20 } })
    await victim.arm('relay.claimed', 'kill')
    const { id } = await publish('x')
    await victim.exited
    expect(await claimed()).toBe(true)
    await waitFor(async () => {
      const { rows } = await sql`select 1 from queue.partition where leased_until > now()`.execute(
        world.db,
      )
      return rows.length === 0
    })
    // Without a broker the heir sends nothing, but it tidies up.
    world
      .publishingBus({ broker: { url: 'amqp://127.0.0.1:1' } })
      .relay()
      .start()
    await waitFor(async () => !(await claimed()))
    expect(await cancel(id)).toBe(false)
  })

  it('QUEUE-42 gives back what was not handed over: it can be cancelled again, the rest cannot', async () => {
    await using proxy = await Proxy.to(world.rabbitmqUrl)
    const first = await publish('first')
    const second = await publish('second')
    const away = { url: proxy.url }
    const shaky = world.publishingBus({
      broker: away,
      probe: (name) => {
        if (name === 'relay.claimed') proxy.loseAnswersAfter('first')
      },
      confirmTimeoutMs: 300,
    })
    shaky.relay({ pollMs: 60_000 }).start()
    await waitFor(() => world.eventsOf('relay.failed').length > 0)
    await waitFor(async () => !(await claimed()))
    proxy.cut()
    await shaky.drain({ deadlineMs: 1_000 })
    expect(await cancel(second.id)).toBe(true)
    expect(await cancel(first.id)).toBe(false)
  })
})

describe('the migration', () => {
  it('gives up behind a long transaction, and writers do not wait for it; run again, it goes on', async () => {
    const migrator = new Migrator({
      db: world.db,
      provider: createQueueMigrations(),
      migrationTableSchema: 'queue',
      migrationTableName: 'queue_migration',
      migrationLockTableName: 'queue_migration_lock',
    })
    expect((await migrator.migrateDown()).error).toBeUndefined()
    const writer = await world.db.startTransaction().execute()
    await bus.outbox(writer).publish(NoteWritten, { subject: 'a', text: 'x' })
    await expect(migrateQueue(world.db)).rejects.toMatchObject({ code: '55P03' })
    await writer.commit().execute()
    await migrateQueue(world.db)
    bus.relay().start()
    expect(await takeText()).toBe('x')
  })
})

describe('a lease', () => {
  it('QUEUE-43 that another took over is not made good by a renewal of the others', async () => {
    const { id } = await publish('of the heir')
    const { goOn, relay } = await relayThatHolds()
    await takeOver(id, 'heir')
    // It renews what it still has.
    await waitFor(() => relay.health().leasedPartitions === 15)
    goOn()
    const { rows: others } = await sql<{
      key: string
    }>`select key::text from generate_series(1, 99) key
      where (hashtextextended(key::text, 0) & 15) <>
        (select partition from queue.outbox where id = ${id})`.execute(world.db)
    await publish('marker', others[0]?.key)
    expect(await takeText()).toBe('marker')
    expect(await world.ready()).toBe(0)
    await takeOver(id, null)
    expect(await takeText()).toBe('of the heir')
  })
})
