// A redrive is killed at each point of a message's way back. Whatever the point, every message has its
// effect once when the next redrive has run, and the audit shows that the first one never ended.
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { spawnChild, waitFor } from '@payflow/testkit'
import type { Child } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { Bus } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const COUNT = 12

let world: World
let bus: Bus
let repaired: boolean
beforeEach(async () => {
  world = await createWorld()
  repaired = false
  bus = world.bus()
  await bus
    .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten] })
    .handle(NoteWritten, async (message, { trx }) => {
      if (!repaired) throw deadLetter('broken')
      await leaveEffect(trx, message.id, message.data.text)
    })
    .start()
  await bus.topology.apply()
  for (let index = 0; index < COUNT; index += 1) {
    await bus.publish(NoteWritten, { subject: 'a', text: `${index}` }, { id: `m-${index}` })
  }
  await waitFor(async () => (await world.ready(`${world.queue}.parked`)) === COUNT)
  repaired = true
})
afterEach(async () => {
  await world.dispose()
})

async function spawnRedrive(): Promise<Child> {
  const child = await spawnChild(new URL('support/redrive-child.ts', import.meta.url), {
    env: {
      SETTINGS: JSON.stringify({
        databaseUrl: world.database.url,
        rabbitmqUrl: world.rabbitmqUrl,
        exchange: world.exchange,
        queue: world.queue,
      }),
    },
  })
  await child.message((message) => message.ready === true, { timeoutMs: 120_000 })
  return child
}

const actions = async (): Promise<unknown[]> => {
  const { rows } = await sql<{ actor: string; outcome: string }>`
    select actor, outcome from queue.operator_action order by id`.execute(world.db)
  return rows.map(({ actor, outcome }) => [actor, outcome])
}

describe('bus.parked.redrive', () => {
  it.each([
    ['after the confirm, before the ack', 'redrive.confirmed'],
    ['after the ack was written', 'redrive.acked'],
  ])('killed %s: nothing is lost and nothing done twice', async (_title, probe) => {
    const victim = await spawnRedrive()
    await victim.arm(probe, 'kill')
    victim.send({ start: true })
    expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' })
    // The broker gives back what a dead process had in hand.
    await waitFor(async () => (await world.ready(`${world.queue}.parked`)) >= COUNT - 1)
    expect(await actions()).toEqual([['child', 'running']])
    const { moved } = await bus.parked(world.queue).redrive({
      reason: 'again',
      actor: 'heir',
      ratePerS: 1_000,
    })
    expect(moved).toBeGreaterThanOrEqual(COUNT - 1)
    const effects = await world.waitForEffects(COUNT)
    await waitFor(() => {
      const { committed, duplicate, inFlight } = bus.health().consumers[0]!.counts
      return inFlight === 0 && committed + duplicate === moved + 1
    })
    expect((await world.effects()).toSorted()).toEqual(effects.toSorted())
    expect(effects.toSorted()).toEqual(Array.from({ length: COUNT }, (_, i) => `${i}`).toSorted())
    expect(await world.ready(`${world.queue}.parked`)).toBe(0)
    expect(await actions()).toEqual([
      ['child', 'running'],
      ['heir', 'done'],
    ])
  })
})
