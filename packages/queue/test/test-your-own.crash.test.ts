// The README's test of a worker, which kills it at each point, under the test runner of Node.
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { spawnChild, startRabbitmq } from '@payflow/testkit'
import { createWorld } from './support/world.ts'

it('test-your-own kills the worker at each point, and passes', async () => {
  await using broker = await startRabbitmq()
  const world = await createWorld({ rabbitmqUrl: broker.url })
  await sql`create table orders (id uuid primary key, parcels int)`.execute(world.db)
  await using child = await spawnChild(new URL('../examples/test-your-own.ts', import.meta.url), {
    env: { DATABASE_URL: world.database.url, RABBITMQ_URL: broker.url },
  })
  expect(await child.exited).toMatchObject({ code: 0 })
  expect(child.stdout()).toMatch(/^(ℹ|#) fail 0$/m)
  expect(child.stdout()).toMatch(/^(ℹ|#) pass 5$/m)
  await world.dispose()
})
