// A worker that commits in batches is killed with SIGKILL at each point of a batch's life. Whatever the
// point, every effect is there once, and what comes after finds nothing left to do.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Child } from '@payflow/testkit'
import type { Bus } from '../src/index.ts'
import { createBatchWorld, letters, note } from './support/batches.ts'
import { NoteWritten } from './support/messages.ts'
import { spawnWorker } from './support/spawn-worker.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
beforeEach(async () => {
  ;({ world, bus } = await createBatchWorld())
})
afterEach(async () => {
  await world.dispose()
})

const batch = { size: letters.length, waitMs: 1_000 }

/** At the same time, so that they are one batch. */
async function publishLetters(): Promise<void> {
  await Promise.all(letters.map((id) => bus.publish(NoteWritten, note(id), { id })))
}

/** Everything that must hold once all is over. */
async function expectDoneOnce(effects: readonly string[]): Promise<void> {
  await waitFor(
    async () => {
      const waiting = await world.ready(`${world.queue}.wait.50`)
      return waiting + (await world.ready()) === 0
    },
    { timeoutMs: 30_000 },
  )
  expect((await world.effects()).toSorted()).toEqual(effects)
  const attempts = sql`select 1 from queue.attempt where message_id <> 'deadly'`
  expect((await attempts.execute(world.db)).rows).toEqual([])
}

describe('a consumer with batches', () => {
  it.each([
    ['one-step', 'QUEUE-01 killed in the middle of its handlers', 'handler.worked', 0],
    ['one-step', 'QUEUE-01 killed after its handlers, before the COMMIT', 'consumer.recorded', 0],
    ['one-step', 'QUEUE-02 killed after the COMMIT, before the ack', 'consumer.committed', 8],
    ['one-step', 'QUEUE-03 killed after the ack was written', 'consumer.acked', 8],
    ['set-based', 'QUEUE-01 killed before the COMMIT', 'consumer.recorded', 0],
    ['set-based', 'QUEUE-02 killed after the COMMIT, before the ack', 'consumer.committed', 8],
    ['two-step', 'QUEUE-01 killed between its decisions and the BEGIN', 'consumer.decided', 0],
    ['two-step', 'QUEUE-02 killed after the COMMIT, before the ack', 'consumer.committed', 8],
  ] as const)('%s: %s: each effect once', async (consume, _title, probe, effectsAtDeath) => {
    const victim = await spawnWorker(world, { consume, batch, concurrency: 1 })
    await victim.arm(probe, 'kill')
    await publishLetters()
    expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
    expect(await world.effects()).toHaveLength(effectsAtDeath)
    // The broker has noticed, so what the victim had in hand is back in the queue.
    await waitFor(async () => (await bus.queueDepth(world.queue)).consumers === 0)
    const heir = await spawnWorker(world, { consume, batch, concurrency: 1 })
    // One at a time and in order: once this one's effect is there, those before it are settled.
    await bus.publish(NoteWritten, note('z'), { id: 'z' })
    await world.waitForEffects(9)
    await expectDoneOnce([...letters, 'z'])
    heir.kill('SIGTERM').catch(() => {})
    expect(await heir.message((message) => message.drained !== undefined)).toBeDefined()
    await heir.exited
    expect(await world.ready()).toBe(0)
    expect(await world.ready(`${world.queue}.parked`)).toBe(0)
  })

  it.each(['one-step', 'set-based'] as const)(
    'QUEUE-28 %s: a message that kills its worker is parked, and its batch is not',
    async (consume) => {
      const settings = { consume, batch, concurrency: 1, dieAt: 'deadly' }
      await publishLetters()
      await bus.publish(NoteWritten, note('deadly'), { id: 'deadly' })
      let deaths = 0
      let parkedCount = 0
      let last: Child | undefined
      while (parkedCount === 0) {
        const victim = await spawnWorker(world, { ...settings, batch: { ...batch, size: 9 } })
        let dead = false
        void victim.exited.then(() => (dead = true))
        await waitFor(
          async () => {
            parkedCount = await world.ready(`${world.queue}.parked`)
            return dead || parkedCount > 0
          },
          { timeoutMs: 60_000 },
        )
        if (dead) deaths += 1
        else last = victim
      }
      // Once with the others, unrecorded; then alone, five times of five.
      expect(deaths).toBe(6)
      const parked = await world.take(`${world.queue}.parked`)
      expect(parked.properties.messageId).toBe('deadly')
      expect(await world.ready(`${world.queue}.parked`)).toBe(0)
      // Who parked it has its companions still to do.
      await world.waitForEffects(letters.length, 60_000)
      await expectDoneOnce(letters)
      await last?.kill()
    },
  )
})
