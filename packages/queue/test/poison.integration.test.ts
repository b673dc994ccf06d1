// Messages that can't be handled: each is parked once, with its bytes and the reason, and does not
// hold up its neighbours.
import { gzipSync } from 'node:zlib'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { deadLetter, retryAfter } from '../src/index.ts'
import type { Bus, Consumer, OneStepHandler } from '../src/index.ts'
import { NoteFiled, NoteWritten } from './support/messages.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
let consumer: Consumer<any>
let runs: { attempt: number; at: number }[]

beforeEach(async () => {
  world = await createWorld()
  runs = []
})
afterEach(async () => {
  await world.dispose()
})

async function start(
  handler?: OneStepHandler<typeof NoteWritten, any>,
  retry = { attempts: 3, delaysMs: [50, 100] },
): Promise<void> {
  bus = world.bus()
  consumer = bus
    .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], retry })
    .handle(NoteWritten, async (message, context) => {
      runs.push({ attempt: context.attempt, at: performance.now() })
      await handler?.(message, context)
      await leaveEffect(context.trx, message.id, message.data.text)
    })
  await consumer.start()
  await bus.topology.apply()
}

const json = { contentType: 'application/json', messageId: 'm-1', type: 'notes.written' }
const good = JSON.stringify({ subject: 'a', text: 'fine' })

describe('consumer', () => {
  it.each([
    ['text that is not JSON', '{"subject":', json],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe, 0x00]), json],
    ['another content type', good, { ...json, contentType: 'text/plain' }],
    ['compressed content', gzipSync(good), { ...json, contentEncoding: 'gzip' }],
    ['no id', good, { ...json, messageId: undefined }],
    ['an id PostgreSQL can not store', good, { ...json, messageId: 'a\0b' }],
    ['no type', good, { ...json, type: undefined }],
    ['more bytes than allowed', Buffer.alloc(1_048_577, 32), json],
  ])('QUEUE-25 parks %s once, with its bytes, and goes on', async (_case, body, properties) => {
    await start()
    await world.send(world.queue, body, properties as object)
    await bus.publish(NoteWritten, { subject: 'a', text: 'neighbour' })
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers).toMatchObject({
      'payflow-reason': 'undecodable',
      'payflow-consumer': 'notes',
      'payflow-queue': world.queue,
    })
    expect(parked.content.equals(Buffer.from(body))).toBe(true)
    expect(await world.waitForEffects(1)).toEqual(['neighbour'])
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ delivered: 2, parked: 1, committed: 1 })
    expect(await world.ready(`${world.queue}.parked`)).toBe(0)
  })

  it.each([
    ['schema-invalid', JSON.stringify({ subject: '', text: 1 }), json],
    ['unknown-type', good, { ...json, type: 'notes.burnt' }],
    ['unknown-version', good, { ...json, headers: { 'cloudEvents:dataversion': 2 } }],
  ])('QUEUE-26 parks a message as %s and runs no handler', async (reason, body, properties) => {
    await start()
    await world.send(world.queue, body, properties)
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers).toMatchObject({ 'payflow-reason': reason })
    expect(parked.content.toString()).toBe(body)
    expect(parked.properties.messageId).toBe('m-1')
    expect(runs).toEqual([])
  })

  it('QUEUE-27 tries exactly as often as configured, spaced out, then parks with the error', async () => {
    await start(async () => {
      throw new Error('the printer is on fire')
    })
    const { id } = await bus.publish(NoteWritten, { subject: 'a', text: 'x' })
    const parked = await world.take(`${world.queue}.parked`)
    expect(runs.map((run) => run.attempt)).toEqual([1, 2, 3])
    expect(runs[1]!.at - runs[0]!.at).toBeGreaterThanOrEqual(50)
    expect(runs[2]!.at - runs[1]!.at).toBeGreaterThanOrEqual(100)
    expect(parked.properties.messageId).toBe(id)
    expect(parked.properties.headers).toMatchObject({
      'payflow-reason': 'attempts-exhausted',
      'payflow-attempts': 3,
      'payflow-exchange': world.exchange,
      'payflow-routing-key': 'notes.written',
    })
    expect(parked.properties.headers?.['payflow-error']).toContain('the printer is on fire')
    expect(Object.keys(parked.properties.headers ?? {})).not.toContain('x-death')
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ delivered: 3, retried: 2, parked: 1 })
    expect(await world.effects()).toEqual([])
    const attempts = await sql`select failed, started from queue.attempt`.execute(world.db)
    expect(attempts.rows).toEqual([{ failed: 3, started: 0 }])
  })

  it('starts anew with a parked message that was put back into its queue', async () => {
    let repaired = false
    await start(async () => {
      if (!repaired) throw new Error('broken')
    })
    const { id } = await bus.publish(NoteWritten, { subject: 'a', text: 'x' })
    const parked = await world.take(`${world.queue}.parked`)
    repaired = true
    await world.send(world.queue, parked.content, parked.properties)
    expect(await world.waitForEffects(1)).toEqual(['x'])
    expect(runs.map((run) => run.attempt)).toEqual([1, 2, 3, 1])
    const inbox = await sql`select message_id from queue.inbox`.execute(world.db)
    expect(inbox.rows).toEqual([{ message_id: id }])
    await waitFor(async () => {
      const { rows } = await sql`select 1 from queue.attempt`.execute(world.db)
      return rows.length === 0
    })
  })

  it('succeeds on a later attempt and forgets the count', async () => {
    await start(async (_message, { attempt }) => {
      if (attempt < 3) throw new Error('not yet')
    })
    await bus.publish(NoteWritten, { subject: 'a', text: 'third time' })
    expect(await world.waitForEffects(1)).toEqual(['third time'])
    await waitFor(() => consumer.health().counts.committed === 1)
    const attempts = await sql`select 1 from queue.attempt`.execute(world.db)
    expect(attempts.rows).toEqual([])
  })

  it('waits as long as retryAfter asks, rounded up to a configured delay', async () => {
    await start(
      async (_message, { attempt }) => {
        if (attempt === 1) throw retryAfter(150)
      },
      { attempts: 3, delaysMs: [20, 200, 400] },
    )
    await bus.publish(NoteWritten, { subject: 'a', text: 'later' })
    await world.waitForEffects(1)
    expect(runs[1]!.at - runs[0]!.at).toBeGreaterThanOrEqual(200)
    expect(world.eventsOf('message.retried')).toMatchObject([{ delayMs: 200 }])
  })

  it('parks at once what deadLetter names', async () => {
    await start(async () => {
      throw deadLetter('bad-iban')
    })
    await bus.publish(NoteWritten, { subject: 'a', text: 'x' })
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties.headers).toMatchObject({ 'payflow-reason': 'bad-iban' })
    expect(runs).toHaveLength(1)
  })

  it('counts two copies of one message together', async () => {
    await start(async () => {
      throw new Error('never')
    })
    for (let copy = 0; copy < 2; copy += 1) {
      await bus.publish(NoteWritten, { subject: 'a', text: 'x' }, { id: 'twice' })
    }
    await world.take(`${world.queue}.parked`)
    await waitFor(async () => (await world.ready(`${world.queue}.wait.50`)) === 0)
    expect(runs.length).toBeLessThanOrEqual(5)
  })

  it('QUEUE-27 parks no copy of a message whose handler is at work, whatever was counted', async () => {
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    await start(() => held)
    await world.send(world.queue, good, json)
    await waitFor(() => runs.length === 1)
    const deaths = sql`insert into queue.attempt (consumer, message_id, started)
      values ('notes', 'm-1', 3)`
    await deaths.execute(world.db)
    await world.send(world.queue, good, { ...json, headers: { 'payflow-attempt': 1 } })
    // Counted, and now it asks for the lock that the first one holds.
    const waiting = sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`
    await waitFor(async () => {
      const { parked } = consumer.health().counts
      return parked > 0 || (await waiting.execute(world.db)).rows.length > 0
    }).finally(goOn)
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ committed: 1, duplicate: 1, parked: 0 })
    expect(await world.effects()).toEqual(['fine'])
    expect((await sql`select 1 from queue.attempt`.execute(world.db)).rows).toEqual([])
  })

  it('refuses to start with a message nobody handles', async () => {
    const idle = world.bus().consumer({
      name: 'idle',
      queue: world.queue,
      messages: [NoteWritten, NoteFiled],
    })
    await expect(idle.start()).rejects.toMatchObject({ code: 'QUEUE_INVALID_OPTIONS' })
  })
})
