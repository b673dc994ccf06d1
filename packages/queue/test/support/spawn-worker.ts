import { spawnChild } from '@payflow/testkit'
import type { Child } from '@payflow/testkit'
import type { ChildSettings } from './worker-child.ts'
import type { World } from './world.ts'

/** Starts a worker process in this world; resolves when its code runs. */
export async function spawnWorker(
  world: World,
  settings: Omit<ChildSettings, 'databaseUrl' | 'rabbitmqUrl' | 'exchange' | 'queue'>,
): Promise<Child> {
  const all: ChildSettings = {
    databaseUrl: world.database.url,
    rabbitmqUrl: world.rabbitmqUrl,
    exchange: world.exchange,
    queue: world.queue,
    ...settings,
  }
  const child = await spawnChild(new URL('worker-child.ts', import.meta.url), {
    env: { SETTINGS: JSON.stringify(all) },
  })
  await child.message((message) => message.ready === true, { timeoutMs: 120_000 })
  return child
}
