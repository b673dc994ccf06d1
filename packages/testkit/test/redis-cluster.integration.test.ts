// The private Redis Cluster: slots are served, keys move, and a killed master is replaced.
import { Cluster } from 'ioredis'
import { expect, it } from 'vitest'
import { startRedisCluster, waitFor } from '../src/index.ts'

it('serves all slots, moves one, and replaces a master that was killed', async () => {
  await using cluster = await startRedisCluster({ masters: 3, replicasPerMaster: 1 })
  expect(cluster.nodes).toHaveLength(6)
  const client = new Cluster([...cluster.startupNodes], { clusterRetryStrategy: () => 50 })
  client.on('error', () => undefined)
  try {
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => client.set(key, key)))
    const masters = await Promise.all(['a', 'b', 'c', 'd'].map((key) => cluster.masterOf(key)))
    expect(new Set(masters).size).toBeGreaterThan(1)

    const from = await cluster.masterOf('a')
    const to = cluster.nodes.slice(0, 3).find((node) => node !== from)!
    const migration = await cluster.migrateSlotOf('a', to)
    await migration.finish()
    expect(await cluster.masterOf('a')).toBe(to)
    expect(await client.get('a')).toBe('a')

    const replica = await cluster.replicaOf('a')
    await to.kill()
    await waitFor(async () => (await cluster.masterOf('a')) === replica, { timeoutMs: 60_000 })
  } finally {
    client.disconnect()
  }
})
