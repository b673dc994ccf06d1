// How long the inbox remembers, and what is refused because it may have forgotten.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { Bus, BusOptions } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const DAY_MS = 86_400_000
const signed = { reason: 'a test', actor: 'test' }

let world: World
let bus: Bus
let broken: boolean
beforeEach(async () => {
  world = await createWorld()
  broken = true
})
afterEach(async () => {
  await world.dispose()
})

async function start(options: Partial<BusOptions<any>> = {}): Promise<void> {
  bus = world.bus(options)
  await bus
    .consumer({
      name: 'notes',
      queue: world.queue,
      messages: [NoteWritten],
      retry: { attempts: 3, delaysMs: [50] },
      deadlineMs: 1_000,
    })
    .handle(NoteWritten, async (message, { trx }) => {
      if (broken) throw deadLetter('broken')
      await leaveEffect(trx, message.id, message.data.text)
    })
    .start()
  await bus.topology.apply()
}

/** A parked message that says it was published so long ago. */
async function park(id: string, publishedAgoMs: number | undefined): Promise<void> {
  const parked = `${world.queue}.parked`
  const before = await world.ready(parked)
  const time =
    publishedAgoMs === undefined
      ? {}
      : { 'cloudEvents:time': new Date(Date.now() - publishedAgoMs).toISOString() }
  await world.send(parked, JSON.stringify({ subject: 'a', text: id }), {
    messageId: id,
    type: 'notes.written',
    contentType: 'application/json',
    headers: {
      ...time,
      'payflow-reason': 'broken',
      'payflow-consumer': 'notes',
      'payflow-queue': world.queue,
    },
  })
  await waitFor(async () => (await world.ready(parked)) === before + 1)
}

/** Ids the inbox holds, committed so many days ago. */
async function remember(agoDays: number, count: number, consumer = 'notes'): Promise<void> {
  await sql`insert into queue.inbox (consumer, message_id, payload_hash, committed_at)
    select ${consumer}, ${`${agoDays}-`} || n, '\\x00', now() - ${agoDays} * interval '1 day'
    from generate_series(1, ${count}::integer) n`.execute(world.db)
}

async function inboxCount(): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*)::integer as n from queue.inbox`.execute(
    world.db,
  )
  return rows[0]?.n ?? -1
}

describe('bus.parked.redrive', () => {
  it('QUEUE-38 leaves what is older than the inbox can remember, unless forced', async () => {
    await start({ inboxRetentionMs: 30 * DAY_MS })
    broken = false
    await park('young', DAY_MS)
    await park('old', 31 * DAY_MS)
    await park('ageless', undefined)
    const dry = await bus.parked(world.queue).redrive({ dryRun: true })
    expect(dry).toMatchObject({ moved: 1, refused: 2 })
    const first = await bus.parked(world.queue).redrive(signed)
    expect(first).toMatchObject({ moved: 1, refused: 2, outcome: 'done' })
    expect(await world.waitForEffects(1)).toEqual(['young'])
    const forced = await bus.parked(world.queue).redrive({ ...signed, force: true })
    expect(forced).toMatchObject({ moved: 2, refused: 0 })
    expect((await world.waitForEffects(3)).toSorted()).toEqual(['ageless', 'old', 'young'])
    const { rows } = await sql`select forced, refused::integer from queue.operator_action
      order by id`.execute(world.db)
    expect(rows).toEqual([
      { forced: false, refused: 2 },
      { forced: true, refused: 0 },
    ])
  })

  it.each([
    [
      'a person deleted',
      sql`delete from queue.inbox where committed_at < now() - interval '5 days'`,
    ],
    ['a person truncated', sql`truncate queue.inbox`],
  ])(
    'QUEUE-38 knows what the inbox forgot when %s it, whatever the options',
    async (_who, forget) => {
      await start()
      await remember(7, 3)
      await remember(7, 3, 'another consumer')
      await park('before', 10 * DAY_MS)
      await park('after', DAY_MS)
      expect(await bus.parked(world.queue).redrive({ dryRun: true })).toMatchObject({ refused: 0 })
      await forget.execute(world.db)
      expect(await bus.parked(world.queue).redrive({ dryRun: true })).toMatchObject({
        moved: 1,
        refused: 1,
      })
      // Refused ones in front don't hide what may go.
      broken = false
      expect(await bus.parked(world.queue).redrive({ ...signed, limit: 1 })).toMatchObject({
        moved: 1,
      })
      expect(await world.waitForEffects(1)).toEqual(['after'])
    },
  )
})

describe('bus.sweep', () => {
  it('forgets what is past the retention, in bounded statements, and only its own consumers', async () => {
    await start({ inboxRetentionMs: 30 * DAY_MS })
    await remember(31, 20_000)
    await remember(29, 20_000)
    await remember(31, 10, 'another consumer')
    await sql`insert into queue.attempt (consumer, message_id, updated_at)
      select 'notes', 'a-' || n, now() - n * interval '1 day'
      from generate_series(1, 40) n`.execute(world.db)
    const swept = await bus.sweep()
    expect(swept).toMatchObject({ inboxRows: 20_000, attemptRows: 11 })
    expect(swept.batches).toBeGreaterThan(3)
    expect(await inboxCount()).toBe(20_010)
    expect(await bus.sweep()).toMatchObject({ inboxRows: 0, attemptRows: 0 })
    const { rows } = await sql`select consumer, removed::integer from queue.inbox_removed`.execute(
      world.db,
    )
    expect(rows).toEqual([{ consumer: 'notes', removed: 20_000 }])
  })

  it('keeps everything unless a retention is set', async () => {
    await start()
    await remember(10_000, 1)
    await expect(bus.sweep()).rejects.toMatchObject({ code: 'QUEUE_INVALID_OPTIONS' })
    expect(await inboxCount()).toBe(1)
    expect(await bus.sweep({ retentionMs: DAY_MS })).toMatchObject({ inboxRows: 1 })
  })

  it('writes down nothing for claims that a transaction gives up itself', async () => {
    await world.db.transaction().execute(async (trx) => {
      await sql`insert into queue.inbox (consumer, message_id, payload_hash)
        values ('notes', 'given up', '\\x00')`.execute(trx)
      await sql`delete from queue.inbox where message_id = 'given up'`.execute(trx)
    })
    const { rows } = await sql`select 1 from queue.inbox_removed`.execute(world.db)
    expect(rows).toEqual([])
  })
})

describe('inboxRetentionMs', () => {
  const consumer = {
    name: 'notes',
    queue: 'notes',
    messages: [NoteWritten],
    retry: { attempts: 4, delaysMs: [1_000, 60_000] },
    deadlineMs: 10_000,
  }
  // Three waits of a minute and four times ten seconds, twice, and the window.
  const neededMs = 2 * (3 * 60_000 + 4 * 10_000) + 3_600_000

  it('is refused when a copy could come after its id was forgotten', () => {
    const bus = (inboxRetentionMs: number) =>
      world.bus({ inboxRetentionMs, redriveWindowMs: 3_600_000 })
    expect(() => bus(neededMs - 1).consumer(consumer)).toThrow(
      expect.objectContaining({
        code: 'QUEUE_INVALID_OPTIONS',
        message: expect.stringContaining(`consumer "notes" needs at least ${neededMs}`),
      }),
    )
    bus(neededMs).consumer(consumer)
    expect(() => world.bus({ redriveWindowMs: 1 })).toThrow('inboxRetentionMs')
    expect(() => world.bus({ inboxRetentionMs: 0 })).toThrow('inboxRetentionMs')
  })

  it('is proved for a sweep by hand, too', async () => {
    const swept = world.bus()
    swept.consumer(consumer)
    await expect(swept.sweep({ retentionMs: 1_000 })).rejects.toMatchObject({
      code: 'QUEUE_INVALID_OPTIONS',
    })
  })
})
