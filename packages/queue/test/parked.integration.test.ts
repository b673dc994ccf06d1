// What lies in a parking queue: looked at without losing order or bytes, and sent back safely.
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seed, waitFor } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { Bus, Consumer, ParkedFilter, ParkedMessages } from '../src/index.ts'
import { requireSafeLook } from '../src/operator/parked-queue.ts'
import { NoteWritten } from './support/messages.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
let parked: ParkedMessages
let consumer: Consumer<any>
let broken: (text: string) => string | undefined

beforeEach(async () => {
  world = await createWorld()
  broken = () => 'bad-iban'
})
afterEach(async () => {
  await world.dispose()
})

async function start(options: Parameters<World['bus']>[0] = {}): Promise<void> {
  bus = world.bus(options)
  consumer = bus
    .consumer({
      name: 'notes',
      queue: world.queue,
      messages: [NoteWritten],
      retry: { attempts: 2, delaysMs: [50] },
      deadlineMs: 5_000,
    })
    .handle(NoteWritten, async (message, { trx }) => {
      const reason = broken(message.data.text)
      if (reason !== undefined) throw deadLetter(reason)
      await leaveEffect(trx, message.id, message.data.text)
    })
  await consumer.start()
  await bus.topology.apply()
  parked = bus.parked(world.queue)
}

/** Publishes notes 0, 1, 2, … whose subjects repeat, and waits until all are parked. */
async function park(count: number, first = 0): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, index) => String(first + index))
  const before = await world.ready(`${world.queue}.parked`)
  for (const text of texts) {
    await bus.publish(NoteWritten, { subject: `s${Number(text) % 3}`, text }, { id: `m-${text}` })
  }
  await parkedCount(before + count)
  return texts
}

const parkedCount = (count: number): Promise<unknown> =>
  waitFor(async () => (await world.ready(`${world.queue}.parked`)) === count)

/** Takes everything out of the parking queue, for good. */
async function empty(): Promise<{ id: string; body: string; headers: object }[]> {
  const channel = await world.channel()
  const out = []
  for (;;) {
    const message = await channel.get(`${world.queue}.parked`, { noAck: true })
    if (message === false) return out
    const { messageId, headers } = message.properties
    out.push({ id: messageId as string, body: message.content.toString(), headers: headers ?? {} })
  }
}

const why = { reason: 'the parser is repaired', actor: 'test' }

async function audit(): Promise<object[]> {
  const { rows } = await sql<object>`select action, queue, actor, reason, outcome, forced,
    examined::integer, moved::integer, refused::integer, filter from queue.operator_action
    order by id`.execute(world.db)
  return rows
}

describe('bus.parked', () => {
  it('lists in order with the reasons, and leaves order and bytes as they were', async () => {
    broken = (text) => (Number(text) % 2 === 0 ? 'even' : 'odd')
    await start()
    await park(60)
    const page = await parked.list()
    expect(page).toMatchObject({ examined: 60, ready: 60 })
    expect(page.messages[0]).toMatchObject({
      type: 'notes.written',
      queue: world.queue,
      consumer: 'notes',
      attempts: 1,
      error: expect.stringContaining("Can't be handled"),
      parkedAt: expect.any(Date),
      publishedAt: expect.any(Date),
    })
    const order = page.messages.map(({ id }) => id ?? '')
    const odd = await parked.list({ where: { reason: 'odd' }, limit: 7 })
    expect(odd.messages.map(({ id }) => id)).toEqual(
      page.messages
        .filter(({ reason }) => reason === 'odd')
        .slice(0, 7)
        .map(({ id }) => id),
    )
    expect(await parked.inspect('m-33')).toMatchObject({
      id: 'm-33',
      key: 's0',
      body: Buffer.from(JSON.stringify({ subject: 's0', text: '33' })),
      contentType: 'application/json',
    })
    expect(await parked.inspect('m-60')).toBeUndefined()
    // A short look takes all of them, too: a few would come back behind those given back before.
    expect((await parked.list({ limit: 7 })).messages).toHaveLength(7)
    await park(3, 60)
    order.push('m-60', 'm-61', 'm-62')
    await parked.list({ limit: 1 })
    const left = await empty()
    expect(left.slice(0, 60).map(({ id }) => id)).toEqual(order.slice(0, 60))
    expect(left.map(({ id }) => id).toSorted()).toEqual(order.toSorted())
    for (const { id, body } of left) {
      expect(JSON.parse(body)).toMatchObject({ text: id.slice(2) })
    }
  })

  it('takes what any filter names and nothing else, whatever the filter', async () => {
    broken = (text) => ['bad-iban', 'closed', 'odd'][Number(text) % 4]
    await start()
    broken = (text) => ['bad-iban', 'closed', 'odd', 'bad-iban'][Number(text) % 4]
    await park(24)
    const all = (await parked.list()).messages
    const some = <T>(values: T[]) =>
      fc.option(fc.oneof(fc.constantFrom(...values), fc.subarray(values)), { nil: undefined })
    const filters = fc.record<ParkedFilter>({
      id: some(all.map(({ id }) => id as string)),
      reason: some(['bad-iban', 'closed', 'odd', 'none']),
      key: some(['s0', 's1', 's2']),
      type: some(['notes.written', 'notes.filed']),
      minAgeMs: fc.constantFrom(undefined, 0, 3_600_000),
      maxAgeMs: fc.constantFrom(undefined, 3_600_000),
    })
    const among = (wanted: string | readonly string[] | undefined, found: string | undefined) =>
      wanted === undefined || [wanted].flat().includes(found as string)
    await fc.assert(
      fc.asyncProperty(filters, async (where) => {
        const expected = all.filter(
          (message) =>
            among(where.id, message.id) &&
            among(where.reason, message.reason) &&
            among(where.key, message.key) &&
            among(where.type, message.type) &&
            where.minAgeMs !== 3_600_000,
        )
        const found = await parked.list({ where })
        expect(found.messages).toEqual(expected)
        const dry = await parked.redrive({ where, dryRun: true })
        expect(dry).toMatchObject({ moved: expected.length, outcome: 'done', examined: 24 })
      }),
      { numRuns: 25, seed: seed() },
    )
    expect((await empty()).map(({ id }) => id)).toEqual(all.map(({ id }) => id))
    expect(await audit()).toEqual([])
  })

  it('sends back under the old id with attempts starting anew, and writes down who and why', async () => {
    broken = (text) => (text === '3' ? 'bad-iban' : 'closed')
    await start()
    await park(6)
    const order = (await parked.list()).messages.map(({ id }) => id ?? '')
    broken = () => undefined
    const result = await parked.redrive({ ...why, where: { reason: 'closed' }, limit: 4 })
    expect(result).toMatchObject({
      outcome: 'done',
      moved: 4,
      refused: 0,
      parkedAgain: 0,
      reasons: { closed: 4 },
    })
    const closed = order.filter((id) => id !== 'm-3')
    expect((await world.waitForEffects(4)).toSorted()).toEqual(
      closed
        .slice(0, 4)
        .map((id) => id.slice(2))
        .toSorted(),
    )
    const inbox = await sql<{ id: string }>`select message_id as id from queue.inbox`.execute(
      world.db,
    )
    expect(inbox.rows.map(({ id }) => id).toSorted()).toEqual(closed.slice(0, 4).toSorted())
    expect((await empty()).map(({ id }) => id)).toEqual(
      order.filter((id) => !closed.slice(0, 4).includes(id)),
    )
    expect(await audit()).toEqual([
      {
        action: 'redrive',
        queue: world.queue,
        ...why,
        outcome: 'done',
        forced: false,
        examined: result.examined,
        moved: 4,
        refused: 0,
        filter: { where: { reason: 'closed' }, limit: 4, ratePerS: 50 },
      },
    ])
  })

  it('has the inbox drop what was committed already', async () => {
    await start()
    await park(1)
    broken = () => undefined
    await bus.publish(NoteWritten, { subject: 's0', text: '0' }, { id: 'm-0' })
    await world.waitForEffects(1)
    expect(await parked.redrive(why)).toMatchObject({ moved: 1 })
    await waitFor(() => consumer.health().counts.duplicate === 1)
    expect(await world.effects()).toEqual(['0'])
  })

  it('keeps to its rate, and stops at once when it is told to', async () => {
    await start()
    await park(12)
    broken = () => undefined
    const startedAt = performance.now()
    const stop = new AbortController()
    const result = await parked.redrive({
      ...why,
      ratePerS: 10,
      signal: stop.signal,
      onProgress: ({ moved }) => {
        if (moved === 6) stop.abort()
      },
    })
    expect(result).toMatchObject({ outcome: 'interrupted', moved: 6 })
    // The sixth is due half a second after the first.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(500)
    await parkedCount(6)
    expect((await audit())[0]).toMatchObject({ outcome: 'interrupted', moved: 6 })
  })

  it('stops when too much of it is parked again, and sends nothing back twice', async () => {
    await start()
    await park(60)
    const result = await parked.redrive({ ...why, ratePerS: 100, limit: 60 })
    expect(result.outcome).toBe('parked-again')
    expect(result.moved).toBeLessThanOrEqual(40)
    expect(result.parkedAgain).toBeGreaterThan(4)
    await parkedCount(60)
    const { messages } = await parked.list()
    const sentBack = messages.filter(({ redriveId }) => redriveId !== undefined)
    expect(sentBack).toHaveLength(result.moved)
    expect(sentBack.every(({ redriveId }) => redriveId === result.redriveId)).toBe(true)
    const all = await parked.redrive({
      ...why,
      maxParkedAgainRatio: 1,
      limit: 1_000,
      ratePerS: 500,
    })
    expect(all).toMatchObject({ outcome: 'done', moved: 60 })
    await parkedCount(60)
  })

  it('keeps the message when the work queue is gone or refuses', async () => {
    await start()
    await park(2)
    const channel = await world.channel()
    await bus.drain()
    await channel.deleteQueue(world.queue)
    const other = world.bus({ confirmTimeoutMs: 1_000 })
    await expect(other.parked(world.queue).redrive(why)).rejects.toMatchObject({
      code: 'QUEUE_UNROUTABLE',
    })
    await channel.assertQueue(world.queue, {
      arguments: { 'x-queue-type': 'quorum', 'x-max-length': 1, 'x-overflow': 'reject-publish' },
    })
    await waitFor(async () => {
      await world.send(world.queue, 'in the way')
      return (await world.ready()) > 1
    })
    await expect(other.parked(world.queue).redrive(why)).rejects.toMatchObject({
      code: expect.stringMatching(/QUEUE_(NACKED|CONFIRM_TIMEOUT)/),
    })
    await parkedCount(2)
    const rows = (await audit()) as { outcome: string; moved: number }[]
    expect(rows.map(({ outcome, moved }) => [outcome, moved])).toEqual([
      ['failed', 0],
      ['failed', 0],
    ])
  })

  it('refuses what is out of range, what nobody signs, and a queue that is not there', async () => {
    await start()
    for (const options of [
      {},
      { actor: 'me' },
      { reason: 'because' },
      { ...why, limit: 0 },
      { ...why, ratePerS: 1_001 },
      { ...why, maxParkedAgainRatio: 2 },
      { ...why, where: { minAgeMs: -1 } },
    ]) {
      await expect(parked.redrive(options)).rejects.toMatchObject({ code: 'QUEUE_INVALID_OPTIONS' })
    }
    await expect(bus.parked('no such queue').list()).rejects.toMatchObject({
      code: 'QUEUE_BROKER_UNAVAILABLE',
      message: expect.stringContaining('no such queue.parked'),
    })
    expect(() => requireSafeLook('4.2.1', 'q.parked', false)).toThrow('delivery-limit -1')
    requireSafeLook('4.2.1', 'q.parked', true)
    requireSafeLook('3.13.7', 'q.parked', false)
  })
})
