// What a bus does by itself every now and then: it forgets what is past its retention, and keeps the
// accounts it writes for operators short, whose sums stay what they were.
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { uniqueName, waitFor } from '@payflow/testkit'
import type { Bus, BusOptions } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const DAY_MS = 86_400_000

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(async () => {
  await world.dispose()
})

async function consuming(options: Partial<BusOptions<any>>): Promise<Bus> {
  const bus = world.bus(options)
  await bus
    .consumer({
      name: 'notes',
      queue: world.queue,
      messages: [NoteWritten],
      retry: { attempts: 3, delaysMs: [50] },
      deadlineMs: 1_000,
    })
    .handle(NoteWritten, (message, { trx }) => leaveEffect(trx, message.id, message.data.text))
    .start()
  return bus
}

/** All rows of a small query, for comparison. */
async function rows(query: string): Promise<unknown[]> {
  return (await sql.raw(query).execute(world.db)).rows
}

async function until(query: string, expected: unknown[]): Promise<void> {
  const same = async () => JSON.stringify(await rows(query)) === JSON.stringify(expected)
  await waitFor(same, { message: () => query, timeoutMs: 30_000 })
}

const remembered = 'select message_id as id from queue.inbox order by message_id'

/** An id of the consumer, committed so many days ago. */
async function remember(id: string, agoDays: number): Promise<void> {
  await sql`insert into queue.inbox (consumer, message_id, payload_hash, committed_at)
    values ('notes', ${id}, '\\x00', now() - ${agoDays} * interval '1 day')`.execute(world.db)
}

describe('a bus with a running consumer', () => {
  it('forgets ids past their retention by itself, again and again', async () => {
    await remember('of yesterday', 1)
    await remember('of last month', 31)
    await consuming({ inboxRetentionMs: 30 * DAY_MS, sweepEveryMs: 1_000 })
    await until(remembered, [{ id: 'of yesterday' }])
    await remember('of last year', 365)
    await until(remembered, [{ id: 'of yesterday' }])
    await remember('of the last century', 36_500)
    await until(remembered, [{ id: 'of yesterday' }])
    expect(world.eventsOf('sweep.failed')).toEqual([])
  })

  it('forgets no id without a retention, however often it sweeps', async () => {
    await remember('of last year', 365)
    await sql`insert into queue.inbox_removed values ('notes', 1, now()), ('notes', 2, now())`.execute(
      world.db,
    )
    await consuming({ sweepEveryMs: 1_000 })
    const folded = 'select removed::integer from queue.inbox_removed'
    await until(folded, [{ removed: 3 }])
    await sql`insert into queue.inbox_removed values ('notes', 4, now())`.execute(world.db)
    await until(folded, [{ removed: 7 }])
    expect(await rows(remembered)).toEqual([{ id: 'of last year' }])
  })

  it('says that it could not sweep, and does so the next time', async () => {
    await remember('of last month', 31)
    await sql`alter table queue.outbox_removed rename to outbox_taken`.execute(world.db)
    await consuming({ inboxRetentionMs: 30 * DAY_MS, sweepEveryMs: 1_000 })
    const [failed] = await waitFor(() => {
      const events = world.eventsOf('sweep.failed')
      return events.length >= 2 ? events : undefined
    })
    expect(failed).toMatchObject({ error: { code: 'QUEUE_NOT_MIGRATED' } })
    await sql`alter table queue.outbox_taken rename to outbox_removed`.execute(world.db)
    await sql`insert into queue.outbox_removed values ('sent', 1), ('sent', 2)`.execute(world.db)
    await until('select removed::integer from queue.outbox_removed', [{ removed: 3 }])
  })

  it('refuses times out of range', () => {
    for (const options of [
      { sweepEveryMs: 999 },
      { sweepEveryMs: DAY_MS + 1 },
      { auditRetentionMs: DAY_MS - 1 },
      { auditRetentionMs: Number.POSITIVE_INFINITY },
    ]) {
      expect(() => world.bus(options)).toThrow(
        expect.objectContaining({ code: 'QUEUE_INVALID_OPTIONS' }),
      )
    }
  })
})

describe('a bus with a relay and no consumer', () => {
  it('keeps the account of deleted rows and of relays that are gone short', async () => {
    await sql`insert into queue.outbox_confirmed
      select 'relay ' || n, n from generate_series(1, 20) n`.execute(world.db)
    await sql`insert into queue.outbox_removed
      select 'sent', n from generate_series(1, 20) n`.execute(world.db)
    world.bus({ sweepEveryMs: 1_000 }).relay().start()
    await until('select relay, confirmed::integer from queue.outbox_confirmed', [
      { relay: 'earlier relays', confirmed: 210 },
    ])
    await until('select removed::integer from queue.outbox_removed', [{ removed: 210 }])
    expect(await world.bus().reconcile()).toMatchObject({ balanced: true })
  })

  it('goes on counting what it has confirmed when its own row was added to the others', async () => {
    const bus = world.bus({
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: world.queue, types: ['notes.written'] }],
      },
    })
    const relay = bus.relay({ pollMs: 20 })
    relay.start()
    for (const count of [1, 2]) {
      await world.db
        .transaction()
        .execute((trx) => bus.outbox(trx).publish(NoteWritten, { subject: 'a', text: 'x' }))
      bus.wake()
      await waitFor(() => relay.health().confirmed === count)
      await bus.sweep({ retentionMs: DAY_MS })
    }
    expect(await rows('select relay, confirmed::integer from queue.outbox_confirmed')).toEqual([
      { relay: 'earlier relays', confirmed: 2 },
    ])
    expect(await bus.reconcile()).toMatchObject({ balanced: true, outbox: { confirmed: 2 } })
  })
})

describe('the account of consumers', () => {
  /** A process that counted `committed` deliveries, all committed, and wrote that down long ago. */
  async function process(name: string, committed: number, ended: boolean, ago: string) {
    await sql`insert into queue.consumer_count values
      ('notes', ${name}, ${committed}, ${committed}, 0, 0, 0, 0, 0, 0, ${ended},
        now() - ${ago}::interval)`.execute(world.db)
  }

  it('is one row for all processes that ended, and one for those that fell silent', async () => {
    await process('ended 1', 1, true, '2 hours')
    await process('ended 2', 2, true, '3 years')
    await process('ended just now', 4, true, '10 minutes')
    await process('silent', 8, false, '31 days')
    await process('silent, too', 16, false, '3 years')
    await process('frozen', 32, false, '29 days')
    await sql`insert into queue.inbox (consumer, message_id, payload_hash)
      select 'notes', n, '\\x00' from generate_series(1, 63) n`.execute(world.db)
    const bus = world.bus()
    const before = await bus.reconcile()
    expect(before).toMatchObject({ balanced: true, consumers: [{ silentProcesses: 3 }] })
    const names = 'select process, committed::integer from queue.consumer_count order by process'
    await bus.sweep({ retentionMs: DAY_MS })
    expect(await rows(names)).toEqual([
      { process: 'ended just now', committed: 4 },
      { process: 'ended processes', committed: 3 },
      { process: 'frozen', committed: 32 },
      { process: 'silent processes', committed: 24 },
    ])
    await process('ended 3', 0, true, '1 day')
    await Promise.all([bus.sweep({ retentionMs: DAY_MS }), bus.sweep({ retentionMs: DAY_MS })])
    expect(await rows(names)).toHaveLength(4)
    const [consumer] = before.consumers
    expect(await bus.reconcile()).toEqual({
      ...before,
      consumers: [{ ...consumer, silentProcesses: 2 }],
    })
  })

  it('counts no process twice that was drained and added to the others', async () => {
    const bus = await consuming({
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: world.queue, types: ['notes.written'] }],
      },
    })
    await bus.topology.apply()
    await bus.publish(NoteWritten, { subject: 'a', text: 'x' })
    await world.waitForEffects(1)
    await bus.drain()
    await sql`update queue.consumer_count set updated_at = now() - interval '2 hours'`.execute(
      world.db,
    )
    await world.bus().sweep({ retentionMs: DAY_MS })
    expect(await bus.reconcile()).toMatchObject({
      balanced: true,
      consumers: [{ delivered: 1, committed: 1 }],
    })
  })
})

describe('the audit of operators', () => {
  const reasons = 'select reason from queue.operator_action order by reason'
  beforeEach(async () => {
    await sql`insert into queue.operator_action (action, actor, reason, filter, updated_at)
      select 'redrive', 'ada', ago, '{}', now() - ago::interval
      from unnest(array['1 day', '100 days', '365 days', '367 days']) ago`.execute(world.db)
  })

  it('is kept for a year and a day, or as long as the bus is told', async () => {
    const retentionMs = DAY_MS
    expect(await world.bus().sweep({ retentionMs })).toMatchObject({ actionRows: 1 })
    expect(await rows(reasons)).toHaveLength(3)
    const brief = world.bus({ auditRetentionMs: 90 * DAY_MS })
    expect(await brief.sweep({ retentionMs })).toMatchObject({ actionRows: 2 })
    expect(await rows(reasons)).toEqual([{ reason: '1 day' }])
  })

  it('is kept where the role of the service may not delete it', async () => {
    const role = uniqueName('role').replaceAll('-', '_')
    const asOwner = async (statement: string) => await sql.raw(statement).execute(world.db)
    await asOwner(`create role ${role}`)
    await asOwner(`grant usage on schema queue to ${role}`)
    await asOwner(`grant all on all tables in schema queue to ${role}`)
    await asOwner(`revoke delete on queue.operator_action from ${role}`)
    const connectionString = world.database.url
    const pool = new pg.Pool({ connectionString, options: `-c role=${role}` })
    const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
    await remember('of last month', 31)
    const bus = world.bus({ db, auditRetentionMs: DAY_MS })
    const swept = await bus.sweep({ retentionMs: 30 * DAY_MS })
    expect(swept).toMatchObject({ actionRows: 0 })
    expect(await rows(reasons)).toHaveLength(4)
    await db.destroy()
    await asOwner(`drop owned by ${role}`)
    await asOwner(`drop role ${role}`)
  })
})
