// What operators ask of a bus besides parked messages: accounts that balance or say why not, what exists
// at the broker, rows of the outbox that were given up, and dead-letter targets that are not there.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { Bus, BusOptions, Consumer, RetryOptions } from '../src/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
let consumer: Consumer<any>
let failing: (attempt: number) => Error | undefined
beforeEach(async () => {
  world = await createWorld()
  failing = () => undefined
})
afterEach(async () => {
  await world.dispose()
})

function make(
  options: Partial<BusOptions<any>> = {},
  retry: RetryOptions = { delaysMs: [50] },
): void {
  bus = world.bus(options)
  consumer = bus
    .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], retry })
    .handle(NoteWritten, async (message, { trx, attempt }) => {
      const error = failing(attempt)
      if (error !== undefined) throw error
      await leaveEffect(trx, message.id, message.data.text)
    })
}

async function write(count: number, type: typeof NoteWritten = NoteWritten): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, index) => `${index}`)
  const ids = []
  for (const text of texts) {
    const published = await inTransaction(bus, world.db, (trx) =>
      bus.outbox(trx).publish(type, { subject: text, text }),
    )
    ids.push(published.id)
  }
  return ids
}

const settled = (count: number): Promise<unknown> =>
  waitFor(() => {
    const { delivered, inFlight } = consumer.health().counts
    return delivered >= count && inFlight === 0
  })

describe('bus.reconcile', () => {
  async function work(): Promise<void> {
    make({}, { attempts: 2, delaysMs: [50] })
    await consumer.start()
    await bus.topology.apply()
    bus.relay({ pollMs: 20, retentionMs: 0 }).start()
    await write(4)
    await world.waitForEffects(4)
    failing = () => deadLetter('broken')
    await write(1)
    await settled(5)
    failing = (attempt) => (attempt === 1 ? new Error('once') : undefined)
    await write(1)
    await world.waitForEffects(5)
    await settled(7)
    await inTransaction(bus, world.db, async (trx) => {
      const { id } = await bus.outbox(trx).publish(NoteWritten, { subject: 'a', text: 'cancelled' })
      expect(await bus.outbox(trx).cancel(id)).toBe(true)
    })
    await waitFor(async () => (await bus.outboxDepth()).pending === 0)
  }

  it('balances whatever became of rows and messages, also after they were deleted', async () => {
    await work()
    const before = await bus.reconcile()
    expect(before).toMatchObject({
      balanced: true,
      differences: [],
      outbox: { inserted: 7, confirmed: 6, sent: 6, pending: 0, parked: 0, cancelled: 1, lost: 0 },
      consumers: [
        {
          consumer: 'notes',
          delivered: 7,
          committed: 5,
          retried: 1,
          parked: 1,
          inFlight: 0,
          inboxRows: 5,
          inboxRemoved: 0,
          silentProcesses: 0,
        },
      ],
    })
    await sql`delete from queue.outbox where state in ('sent', 'cancelled')`.execute(world.db)
    await sql`delete from queue.inbox where message_id in
      (select message_id from queue.inbox limit 2)`.execute(world.db)
    await bus.drain()
    bus = world.bus()
    const after = await bus.reconcile()
    expect(after.outbox).toEqual(before.outbox)
    expect(after).toMatchObject({ balanced: true, consumers: [{ inboxRows: 3, inboxRemoved: 2 }] })
    await bus.sweep({ retentionMs: 1_000 })
    expect(await bus.reconcile()).toEqual(after)
  })

  it('knows what a process counted that was drained and never asked', async () => {
    await work()
    await bus.drain()
    expect(await world.bus().reconcile()).toMatchObject({
      balanced: true,
      consumers: [{ consumer: 'notes', delivered: 7, committed: 5, silentProcesses: 0 }],
    })
  })

  it.each([
    ['a row was deleted before it was sent', 'outbox-lost', sql`delete from queue.outbox`, 1],
    ['the table was emptied', 'outbox-lost', sql`truncate queue.outbox`, 1],
    [
      'somebody marked a row as sent',
      'outbox-confirmed',
      sql`update queue.outbox set state = 'sent', settled_at = now() where state = 'pending'`,
      7,
    ],
  ])('tells that %s', async (_what, kind, breakIt, found) => {
    await work()
    for (const relay of bus.health().relays) expect(relay.running).toBe(true)
    await bus.drain()
    bus = world.bus()
    await write(1)
    expect(await bus.reconcile()).toMatchObject({ balanced: true, outbox: { pending: 1 } })
    await breakIt.execute(world.db)
    expect(await bus.reconcile()).toMatchObject({
      balanced: false,
      differences: [{ kind, found }],
    })
  })

  it('tells of commits that are gone though this process counted them', async () => {
    await work()
    expect((await bus.reconcile()).balanced).toBe(true)
    // What a failover to a server that lacks the last transactions leaves: no trigger saw it.
    await sql`alter table queue.inbox disable trigger user`.execute(world.db)
    await sql`delete from queue.inbox where message_id in
      (select message_id from queue.inbox limit 2)`.execute(world.db)
    expect(await bus.reconcile()).toMatchObject({
      balanced: false,
      differences: [{ kind: 'inbox-missing', consumer: 'notes', expected: 5, found: 3 }],
    })
  })
})

describe('consumer.pause', () => {
  it.each([
    ['in any order', {}],
    ['ordered by key', { order: 'key' }],
  ] as const)(
    '%s finishes what is at work, and takes nothing until resumed',
    async (_how, options) => {
      bus = world.bus()
      const working = Promise.withResolvers<void>()
      const finish = Promise.withResolvers<void>()
      const paused = bus
        .consumer({
          name: 'notes',
          queue: world.queue,
          messages: [NoteWritten],
          concurrency: 1,
          prefetch: 4,
          ...options,
        })
        .handle(NoteWritten, async (message, { trx }) => {
          working.resolve()
          await finish.promise
          await leaveEffect(trx, message.id, message.data.text)
        })
      await expect(paused.pause()).rejects.toMatchObject({ code: 'QUEUE_INVALID_OPTIONS' })
      await paused.start()
      await bus.topology.apply()
      for (const text of ['1', '2', '3', '4', '5', '6']) {
        await bus.publish(NoteWritten, { subject: 'a', text })
      }
      await working.promise
      const pausing = paused.pause()
      await waitFor(() => paused.health().state === 'paused')
      finish.resolve()
      await pausing
      expect(await world.effects()).toEqual(['1'])
      await waitFor(async () => (await world.ready()) === 5)
      expect(bus.health().ready).toBe(false)
      expect(paused.health().counts.inFlight).toBe(0)
      await paused.resume()
      expect((await world.waitForEffects(6)).toSorted()).toEqual(['1', '2', '3', '4', '5', '6'])
      expect(paused.health().state).toBe('running')
      const inOrder = (await world.effects()).join('') === '123456'
      expect(inOrder || !('order' in options)).toBe(true)
      await bus.drain()
      await paused.pause()
    },
  )

  it('stays paused when its connection comes back', async () => {
    await using proxy = await Proxy.to(world.rabbitmqUrl)
    make({ broker: { url: proxy.url } })
    await consumer.start()
    await bus.topology.apply()
    await waitFor(() => consumer.health().state === 'running')
    await consumer.pause()
    const channel = await world.channel()
    const reconnected = async (): Promise<void> => {
      // Its subscription declares what it needs; so this queue is there again once it is open.
      await channel.deleteQueue(`${world.queue}.wait.50`)
      proxy.cut()
      await waitFor(async () => (await bus.queueDepth(`${world.queue}.wait.50`)).ready === 0)
    }
    await reconnected()
    await bus.publish(NoteWritten, { subject: 'a', text: 'kept' })
    await reconnected()
    expect(await world.ready()).toBe(1)
    expect(consumer.health().state).toBe('paused')
    await consumer.resume()
    expect(await world.waitForEffects(1)).toEqual(['kept'])
    await bus.drain()
  })
})

describe('bus.outboxParked', () => {
  it('lists rows the broker kept refusing, and gives them back to the relays, signed', async () => {
    make()
    await bus.topology.apply()
    bus.relay({ pollMs: 20, maxAttempts: 1 }).start()
    // Nothing is bound for this type.
    const ids = await write(3, NoteFiled)
    await waitFor(async () => (await bus.outboxDepth()).parked === 3)
    const rows = await bus.outboxParked().list()
    expect(rows.map(({ id }) => id)).toEqual(ids)
    expect(rows[0]).toMatchObject({
      type: 'notes.filed',
      attempts: 1,
      error: expect.stringContaining('no queue'),
      parkedAt: expect.any(Date),
    })
    const channel = await world.channel()
    await channel.bindQueue(world.queue, world.exchange, 'notes.filed')
    const signed = { reason: 'bound at last', actor: 'test' }
    await expect(bus.outboxParked().requeue({})).rejects.toMatchObject({
      code: 'QUEUE_INVALID_OPTIONS',
    })
    expect(await bus.outboxParked().requeue({ dryRun: true })).toEqual({ moved: 3 })
    const where = { id: [ids[1]!, 'unknown'] }
    expect(await bus.outboxParked().requeue({ ...signed, where })).toEqual({ moved: 1 })
    await waitFor(async () => (await world.ready()) === 1)
    expect((await world.take(world.queue)).properties.messageId).toBe(ids[1])
    expect(await bus.outboxParked().requeue(signed)).toEqual({ moved: 2 })
    await waitFor(async () => (await world.ready()) === 2)
    const audit = await sql`select action, actor, reason, outcome, moved::integer
      from queue.operator_action order by id`.execute(world.db)
    expect(audit.rows).toEqual([
      { action: 'requeue', actor: 'test', reason: 'bound at last', outcome: 'done', moved: 1 },
      { action: 'requeue', actor: 'test', reason: 'bound at last', outcome: 'done', moved: 2 },
    ])
    expect(await bus.reconcile()).toMatchObject({ balanced: true })
  })
})

describe('bus.topology.plan', () => {
  const states = async (): Promise<Record<string, string>> => {
    const plan = await bus.topology.plan()
    return Object.fromEntries(plan.steps.map(({ name, state }) => [name, state]))
  }

  it('says what apply would create, and changes nothing', async () => {
    make()
    const before = await bus.topology.plan()
    expect(before).toMatchObject({ applicable: true, policies: [] })
    expect(before.brokerVersion).toMatch(/^\d+\.\d+/)
    expect(await states()).toEqual({
      [world.exchange]: 'create',
      [world.queue]: 'create',
      [`${world.queue}.parked`]: 'create',
      [`${world.queue}.wait.50`]: 'create',
      [`${world.exchange} → ${world.queue}: notes.written`]: 'bind',
    })
    // Had it created anything, the second plan would say so.
    expect((await states())[world.queue]).toBe('create')
    await bus.topology.apply()
    expect(Object.values(await states()).toSorted()).toEqual(['bind', 'ok', 'ok', 'ok', 'ok'])
  })

  it('tells in the broker words what is there with other properties', async () => {
    const channel = await world.channel()
    await channel.assertQueue(`${world.queue}.wait.50`, { durable: true })
    await channel.assertExchange(world.exchange, 'fanout')
    make()
    const plan = await bus.topology.plan()
    // No broker of the tests could do it itself: the oldest that can is 4.3.
    expect(plan.retry).toEqual({ mechanism: 'wait-queues', brokerCanDelay: false })
    expect(plan.applicable).toBe(false)
    expect(plan.steps.filter(({ state }) => state === 'mismatch')).toMatchObject([
      { kind: 'exchange', name: world.exchange, reason: expect.stringContaining("'fanout'") },
      { kind: 'queue', name: `${world.queue}.wait.50`, reason: expect.stringContaining('x-') },
    ])
    await channel.checkQueue(`${world.queue}.wait.50`)
    await expect(bus.topology.apply()).rejects.toMatchObject({ code: 'QUEUE_TOPOLOGY_MISMATCH' })
  })
})
