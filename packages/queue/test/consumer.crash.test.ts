// A worker process is killed with SIGKILL at each point of a message's life. Whatever the point, the
// effect is there once, and once the next worker has run nothing is left in the queue.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { spawnWorker } from './support/spawn-worker.ts'
import { createWorld } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
beforeEach(async () => {
  world = await createWorld()
  bus = world.bus({
    topology: {
      exchange: world.exchange,
      bindings: [{ queue: world.queue, types: ['notes.written'] }],
    },
  })
  await bus.topology.apply()
})
afterEach(async () => {
  await world.dispose()
})

async function untilQuiet(): Promise<void> {
  await waitFor(
    async () => (await world.ready()) === 0 && (await world.ready(`${world.queue}.wait.50`)) === 0,
    { timeoutMs: 30_000 },
  )
}

describe('consumer', () => {
  it.each([
    ['QUEUE-01 killed after the handler, before the COMMIT', 'consumer.recorded', 0],
    ['QUEUE-02 killed after the COMMIT, before the ack', 'consumer.committed', 1],
    ['QUEUE-03 killed after the ack was written', 'consumer.acked', 1],
    ['QUEUE-01 killed before anything', 'consumer.received', 0],
  ])('%s: one effect', async (_title, probe, effectsAtDeath) => {
    const victim = await spawnWorker(world, { consume: 'one-step' })
    await victim.arm(probe, 'kill')
    await bus.publish(NoteWritten, { subject: 'a', text: 'once' })
    expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
    expect(await world.effects()).toHaveLength(effectsAtDeath)
    const heir = await spawnWorker(world, { consume: 'one-step' })
    expect(await world.waitForEffects(1)).toEqual(['once'])
    await untilQuiet()
    heir.kill('SIGTERM').catch(() => {})
    expect(await heir.message((message) => message.drained !== undefined)).toBeDefined()
    await heir.exited
    expect(await world.effects()).toEqual(['once'])
    expect(await world.ready()).toBe(0)
    expect(await world.ready(`${world.queue}.parked`)).toBe(0)
    const attempts = await sql`select 1 from queue.attempt`.execute(world.db)
    expect(attempts.rows).toEqual([])
  })

  it('QUEUE-01 QUEUE-02 two-step: killed between decision and record, and after', async () => {
    for (const probe of ['consumer.decided', 'consumer.recorded', 'consumer.committed']) {
      const victim = await spawnWorker(world, { consume: 'two-step' })
      await victim.arm(probe, 'kill')
      await bus.publish(NoteWritten, { subject: 'a', text: probe })
      expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
    }
    const heir = await spawnWorker(world, { consume: 'two-step' })
    await world.waitForEffects(3)
    await untilQuiet()
    expect((await world.effects()).toSorted()).toEqual([
      'consumer.committed',
      'consumer.decided',
      'consumer.recorded',
    ])
    await heir.kill()
  })

  it('QUEUE-29 keeps the order of each key over kills, with another worker standing by', async () => {
    // A queue of its own, for a single active consumer is a property of the queue.
    await world.deleteTopology()
    const ordered = world.bus({
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: world.queue, types: ['notes.written'], order: 'key' }],
      },
    })
    await ordered.topology.apply()
    const texts = Array.from({ length: 12 }, (_, index) => `${index}`.padStart(2, '0'))
    const workers = []
    for (const probe of ['consumer.recorded', 'consumer.committed', 'consumer.recorded']) {
      const worker = await spawnWorker(world, { consume: 'one-step', order: 'key' })
      await worker.arm(probe, 'kill')
      workers.push(worker)
    }
    const last = await spawnWorker(world, { consume: 'one-step', order: 'key' })
    for (const text of texts) {
      for (const subject of ['a', 'b', 'c']) {
        await ordered.publish(NoteWritten, { subject, text: subject + text })
      }
    }
    for (const worker of workers) expect(await worker.exited).toMatchObject({ signal: 'SIGKILL' })
    const effects = await world.waitForEffects(36)
    for (const subject of ['a', 'b', 'c']) {
      const ofKey = effects.filter((effect) => effect.startsWith(subject))
      expect(ofKey).toEqual(texts.map((text) => subject + text))
    }
    await waitFor(async () => (await world.ready()) === 0)
    await last.kill()
  })

  it('QUEUE-28 a message that keeps killing its worker is parked, its neighbours are not', async () => {
    await bus.publish(NoteWritten, { subject: 'a', text: 'deadly' }, { id: 'deadly' })
    let deaths = 0
    let parkedCount = 0
    while (parkedCount === 0) {
      const victim = await spawnWorker(world, { consume: 'one-step', concurrency: 1 })
      await victim.arm('handler.worked', 'kill')
      let dead = false
      void victim.exited.then(() => (dead = true))
      await waitFor(async () => {
        parkedCount = await world.ready(`${world.queue}.parked`)
        return dead || parkedCount > 0
      })
      if (dead) deaths += 1
      else await victim.kill()
    }
    // Five attempts are configured. The first death is not on record, because nothing is written
    // down before a message's first try.
    expect(deaths).toBe(6)
    const parked = await world.take(`${world.queue}.parked`)
    expect(parked.properties).toMatchObject({
      messageId: 'deadly',
      headers: { 'payflow-reason': 'attempts-exhausted' },
    })
    expect(await world.effects()).toEqual([])
    const healthy = await spawnWorker(world, { consume: 'one-step' })
    await bus.publish(NoteWritten, { subject: 'a', text: 'harmless' })
    expect(await world.waitForEffects(1)).toEqual(['harmless'])
    await healthy.kill()
  })

  it('QUEUE-32 QUEUE-33 SIGTERM in the middle: work is finished, acks arrive, the rest goes back', async () => {
    const worker = await spawnWorker(world, { consume: 'one-step', concurrency: 2 })
    await worker.arm('handler.worked', 'stop')
    for (let index = 0; index < 10; index += 1) {
      await bus.publish(NoteWritten, { subject: 'a', text: `${index}` })
    }
    await worker.reached('handler.worked')
    await waitFor(async () => (await world.effects()).length > 0)
    const exited = worker.kill('SIGTERM')
    // Only the one that stands at the probe is unfinished; go on once the drain has begun.
    worker.go('handler.worked')
    const { drained } = await worker.message<{ drained: { abandoned: number } }>(
      (message) => message.drained !== undefined,
    )
    expect(await exited).toMatchObject({ code: 0 })
    expect(drained.abandoned).toBe(0)
    const done = await world.effects()
    expect(await world.ready()).toBe(10 - done.length)
    const heir = await spawnWorker(world, { consume: 'one-step' })
    await world.waitForEffects(10)
    await untilQuiet()
    expect((await world.effects()).toSorted()).toEqual(Array.from('0123456789'))
    await heir.kill()
  })
})
