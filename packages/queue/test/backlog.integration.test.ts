// A process starts before a long backlog. What it holds is what was prefetched, not what waits.
// `npm run bench -- queue-backlog` does it with a million.
import { connect } from 'amqplib'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { spawnChild } from '@payflow/testkit'
import type { BacklogSettings, Drained } from './support/backlog-child.ts'
import { createWorld } from './support/world.ts'
import type { World } from './support/world.ts'

const COUNT = 50_000
const AT_ONCE = 10_000
/** Half of the heartbeat that the bus has by default: beyond it the broker may take it for dead. */
const STALL_MS = 5_000

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(async () => {
  await world.dispose()
})

async function fill(): Promise<void> {
  await world
    .bus({
      topology: {
        exchange: world.exchange,
        bindings: [{ queue: world.queue, types: ['notes.written'] }],
      },
    })
    .topology.apply()
  const connection = await connect(world.rabbitmqUrl, { noDelay: true })
  const channel = await connection.createConfirmChannel()
  const text = 'a note as long as many messages are '.repeat(10)
  for (let index = 0; index < COUNT; index += 1) {
    const body = Buffer.from(JSON.stringify({ subject: `${index % 100}`, text }))
    channel.sendToQueue(world.queue, body, {
      persistent: true,
      messageId: `m-${index}`,
      type: 'notes.written',
      contentType: 'application/json',
    })
    if (index % AT_ONCE === 0) await channel.waitForConfirms()
  }
  await channel.waitForConfirms()
  await connection.close()
}

describe('a backlog', () => {
  it('QUEUE-30 is drained from a cold start with flat memory, no more in hand than was prefetched', async () => {
    await fill()
    const settings: BacklogSettings = {
      databaseUrl: world.database.url,
      rabbitmqUrl: world.rabbitmqUrl,
      exchange: world.exchange,
      queue: world.queue,
      count: COUNT,
    }
    await using child = await spawnChild(new URL('support/backlog-child.ts', import.meta.url), {
      env: { SETTINGS: JSON.stringify(settings) },
    })
    const { drained } = await child.message<{ drained: Drained }>((m) => m.drained !== undefined, {
      timeoutMs: 150_000,
    })
    expect(drained.inFlightMost).toBeGreaterThan(0)
    expect(drained.inFlightMost).toBeLessThanOrEqual(800)
    // 40,000 messages lie between the first look and the last; their bodies alone are 15 MB.
    const [first = 0, ...later] = drained.heldMb
    expect(later).toHaveLength(4)
    expect(Math.max(...later) - first, JSON.stringify(drained)).toBeLessThan(5)
    expect(drained.stallMs).toBeLessThan(STALL_MS)
    const { rows } = await sql<{ rows: number; ids: number }>`select count(*)::integer as rows,
      count(distinct message_id)::integer as ids from effect`.execute(world.db)
    expect(rows).toEqual([{ rows: COUNT, ids: COUNT }])
    expect(await world.ready()).toBe(0)
  }, 240_000)
})
