import { sharedServers, uniqueName } from '@payflow/testkit'
import { Redis } from 'ioredis'
import type { RedisOptions } from 'ioredis'
import { afterAll } from 'vitest'
import { redisStore } from '../../src/redis/index.ts'
import type { RedisStoreOptions } from '../../src/redis/index.ts'
import type { IdempotencyStore } from '../../src/index.ts'

const clients: Redis[] = []

afterAll(() => {
  for (const client of clients.splice(0)) client.disconnect()
})

/** A connection that is closed with the test file; errors are left to the calls. */
export function connect(
  url: string = sharedServers().redisUrl,
  options: Omit<RedisOptions, 'replyMapping'> = {},
): Redis {
  const client = new Redis(url, { maxRetriesPerRequest: 1, ...options })
  client.on('error', () => undefined)
  clients.push(client)
  return client
}

/** A store whose keys no other test uses. */
export function isolatedStore(
  options: Partial<RedisStoreOptions> = {},
): IdempotencyStore & { readonly prefix: string } {
  const prefix = options.prefix ?? `${uniqueName('idem')}:`
  const store = redisStore({ client: connect(), deadlineMs: 5_000, ...options, prefix })
  return Object.assign(store, { prefix })
}
