// A relay process is killed, or paused past its lease, at each point of a row's way to the broker.
// Every committed row reaches the queue, a consumer sees each once and each key in order.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import type { Bus } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { spawnWorker } from './support/spawn-worker.ts'
import { createWorld, inTransaction, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

let world: World
let bus: Bus
beforeEach(async () => {
  world = await createWorld()
  bus = world.bus()
  await bus
    .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], concurrency: 1 })
    .handle(NoteWritten, async (message, { trx }) => {
      await leaveEffect(trx, message.id, message.data.text)
    })
    .start()
  await bus.topology.apply()
})
afterEach(async () => {
  await world.dispose()
})

async function write(count: number, subject = 'a'): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, index) => `${subject}${index}`)
  for (const text of texts) {
    await inTransaction(bus, world.db, (trx) =>
      bus.outbox(trx).publish(NoteWritten, { subject, text }),
    )
  }
  return texts
}

async function allSent(): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await sql`select 1 from queue.outbox where state <> 'sent'`.execute(world.db)
      return rows.length === 0
    },
    { timeoutMs: 30_000 },
  )
}

const relay = { leaseMs: 1_000, pollMs: 20 }

describe('bus.relay', () => {
  it.each([
    ['QUEUE-17 killed with rows in hand, before any was published', 'relay.claimed'],
    ['QUEUE-18 killed after the confirms, before the mark', 'relay.confirmed'],
    ['QUEUE-18 killed after the mark', 'relay.marked'],
  ])('%s: each message has one effect', async (_title, probe) => {
    const victim = await spawnWorker(world, { relay })
    await victim.arm(probe, 'kill')
    const texts = await write(5)
    expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
    const heir = await spawnWorker(world, { relay })
    await allSent()
    expect(await world.waitForEffects(5)).toEqual(texts)
    await waitFor(() => bus.health().consumers[0]?.counts.inFlight === 0)
    expect(await world.effects()).toEqual(texts)
    await heir.kill()
  })

  it.each([
    ['relay.claimed', 2],
    ['relay.confirmed', 2],
    ['relay.marked', 1],
  ])(
    'QUEUE-18 killed at %s while its window slides: each message has one effect, each key its order',
    async (probe, skip) => {
      const texts: string[] = []
      for (let index = 0; index < 8; index += 1) {
        for (const subject of ['a', 'b', 'c', 'd'])
          texts.push(...(await write(1, `${subject}${index}`)))
      }
      const victim = await spawnWorker(world, { relay: { ...relay, batchSize: 4 } })
      await victim.arm(probe, 'kill', { skip })
      texts.push(...(await write(8, 'e')))
      expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
      const heir = await spawnWorker(world, { relay: { ...relay, batchSize: 4 } })
      await allSent()
      const effects = await world.waitForEffects(texts.length)
      expect(effects.toSorted()).toEqual(texts.toSorted())
      const ofKey = effects.filter((text) => text.startsWith('e'))
      expect(ofKey).toEqual(ofKey.toSorted())
      await heir.kill()
    },
  )

  it('QUEUE-17 a writer that dies right after its COMMIT has its message sent', async () => {
    // The row is all there is: no relay ran when it was written, and its writer is gone.
    const texts = await write(1)
    const heir = await spawnWorker(world, { relay })
    expect(await world.waitForEffects(1)).toEqual(texts)
    await heir.kill()
  })

  it('QUEUE-35 a relay paused past its lease is taken over, and fenced when it goes on', async () => {
    const paused = await spawnWorker(world, { relay })
    await paused.arm('relay.confirmed', 'stop')
    const texts = await write(3)
    await paused.reached('relay.confirmed')
    process.kill(paused.pid, 'SIGSTOP')
    const heir = await spawnWorker(world, { relay })
    await heir.arm('relay.claimed', 'stop')
    await heir.reached('relay.claimed')
    // The paused relay wakes up with confirms in its hand, of an epoch that is over.
    process.kill(paused.pid, 'SIGCONT')
    await paused.arm('relay.marked', 'report')
    paused.go('relay.confirmed')
    await paused.reached('relay.marked')
    const { rows } = await sql`select distinct state from queue.outbox`.execute(world.db)
    expect(rows).toEqual([{ state: 'pending' }])
    heir.go('relay.claimed')
    texts.push(...(await write(3, 'b')))
    await allSent()
    expect((await world.waitForEffects(6)).toSorted()).toEqual(texts.toSorted())
    for (const key of ['a', 'b']) {
      const ofKey = (await world.effects()).filter((text) => text.startsWith(key))
      expect(ofKey).toEqual([`${key}0`, `${key}1`, `${key}2`])
    }
    await heir.kill()
    await paused.kill()
  })
})
