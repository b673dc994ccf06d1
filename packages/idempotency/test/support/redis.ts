import { sharedServers, uniqueName } from '@payflow/testkit'
import type { RedisCluster } from '@payflow/testkit'
import { Cluster, Redis } from 'ioredis'
import type { ClusterOptions, RedisOptions } from 'ioredis'
import { afterAll } from 'vitest'
import { redisStore } from '../../src/redis/index.ts'
import type { RedisStoreOptions } from '../../src/redis/index.ts'
import type { IdempotencyStore } from '../../src/index.ts'

const clients: (Redis | Cluster)[] = []

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

/** A client of a whole cluster that is closed with the test file; errors are left to the calls. */
export function connectCluster(
  cluster: RedisCluster,
  options: Omit<ClusterOptions, 'redisOptions'> = {},
): Cluster {
  const client = new Cluster([...cluster.startupNodes], {
    clusterRetryStrategy: () => 100,
    redisOptions: { maxRetriesPerRequest: 1 },
    ...options,
  })
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
