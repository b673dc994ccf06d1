// Goal: a cluster of three loses nodes, its majority and its network under load, and no message that was
// confirmed or committed is lost, doubled or out of the order of its key.
// Method: real nodes, killed with SIGKILL or cut off; ClusterLoad knows what must have arrived.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRabbitCluster, waitFor } from '@payflow/testkit'
import type { RabbitCluster, RabbitNode } from '@payflow/testkit'
import { ClusterLoad, bindingsOf } from './support/cluster-load.ts'
import { createWorld } from './support/world.ts'
import type { World } from './support/world.ts'

const PATIENCE = { timeoutMs: 180_000, intervalMs: 50 }
let cluster: RabbitCluster
let world: World

beforeAll(async () => {
  cluster = await startRabbitCluster({ nodes: 3 })
  world = await createWorld({ rabbitmqUrl: cluster.urls[0] as string })
  const bus = world.bus({ topology: bindingsOf(world) })
  await bus.topology.apply()
  // The consumers add their wait queues.
  const load = new ClusterLoad(world, 'setup', cluster.nodes)
  await load.start()
  await load.settle(cluster)
  await bus.drain()
  const filed = `${world.queue}.filed`
  const main = [world.queue, `${world.queue}.parked`]
  await cluster.registered(...main, filed, `${filed}.parked`, `${filed}.wait.100`)
}, 300_000)
afterAll(async () => {
  await world?.dispose()
  await cluster?.stop()
})

/** The leader of the ordered queue, and the other two. */
async function roles(): Promise<{ leader: RabbitNode; others: readonly RabbitNode[] }> {
  const leader = await cluster.leaderOf(world.queue)
  return { leader, others: cluster.nodes.filter((node) => node !== leader) }
}

async function setPartitionHandling(value: 'ignore' | 'pause_minority'): Promise<void> {
  const set = `application:set_env(rabbit, cluster_partition_handling, ${value}).`
  await Promise.all(cluster.nodes.map((node) => node.ctl('eval', set)))
}

// Its waits are patient: nodes boot, and what a killed leader lost comes again after half a minute of quiet.
describe('in a cluster of three', { timeout: 900_000 }, () => {
  it('QUEUE-12 the leader of the queue is killed under load', async ({ annotate }) => {
    const { leader, others } = await roles()
    const load = new ClusterLoad(world, 'leader', [...others, leader])
    await load.start()
    const killedAt = performance.now()
    await leader.kill()
    await load.goesOn()
    const gapMs = load.longestGapMs(killedAt)
    await leader.start()
    await cluster.whole()
    expect(await load.settle(cluster)).toEqual([])
    // The clients were on another node, and had to notice nothing.
    expect(load.bus.health().consume.generation).toBe(1)
    expect(gapMs).toBeLessThan(60_000)
    await annotate(`no message for ${gapMs} ms; refused: ${load.refused.length}`)
  })

  it("QUEUE-12 the clients' node is killed under load", async ({ annotate }) => {
    const { leader, others } = await roles()
    const [ours, spare] = others as [RabbitNode, RabbitNode]
    const load = new ClusterLoad(world, 'ours', [ours, spare, leader])
    await load.start()
    const killedAt = performance.now()
    await ours.kill()
    await load.goesOn()
    const gapMs = load.longestGapMs(killedAt)
    expect(load.bus.health().publish.node).not.toBe(new URL(ours.url).host)
    await ours.start()
    await cluster.whole()
    expect(await load.settle(cluster)).toEqual([])
    expect(gapMs).toBeLessThan(60_000)
    await annotate(`no message for ${gapMs} ms; refused: ${load.refused.length}`)
  })

  it('QUEUE-13 two of three nodes are down: nothing is confirmed, and all of it comes later', async ({
    annotate,
  }) => {
    const { leader, others } = await roles()
    const [ours, spare] = others as [RabbitNode, RabbitNode]
    // The worst case: the node that is left goes on talking to its clients instead of pausing.
    await setPartitionHandling('ignore')
    const load = new ClusterLoad(world, 'majority', [ours, spare, leader])
    await load.start()
    await Promise.all([leader.kill(), spare.kill()])
    await waitFor(() => !load.bus.health().ready, PATIENCE)
    const confirmed = load.confirmed.length
    const written = load.written
    const refused = load.refused.length
    await waitFor(() => load.refused.length > refused + 8, PATIENCE)
    expect(load.confirmed).toHaveLength(confirmed)
    expect(load.written).toBeGreaterThan(written)
    expect((await load.bus.outboxDepth()).pending).toBeGreaterThan(0)
    expect(load.bus.health().ready).toBe(false)
    expect(new Set(load.refused)).not.toContain('QUEUE_UNROUTABLE')

    const healedAt = performance.now()
    await Promise.all([leader.start(), spare.start()])
    await cluster.whole()
    await waitFor(() => load.bus.health().ready, PATIENCE)
    await load.goesOn()
    const backMs = Math.round(performance.now() - healedAt)
    expect(await load.settle(cluster)).toEqual([])
    await setPartitionHandling('pause_minority')
    await annotate(
      `back ${backMs} ms after the nodes were started; refused: ${load.refused.length}`,
    )
  })

  it("QUEUE-14 the network of the clients' node is cut, without a word", async ({ annotate }) => {
    const { leader, others } = await roles()
    const [ours, spare] = others as [RabbitNode, RabbitNode]
    const load = new ClusterLoad(world, 'cut', [ours, spare, leader])
    await load.start()
    const cutAt = performance.now()
    await ours.cutOff()
    await load.goesOn()
    const gapMs = load.longestGapMs(cutAt)
    const health = load.bus.health()
    expect(health.consume.node).not.toBe(new URL(ours.url).host)
    expect(health.publish.node).not.toBe(new URL(ours.url).host)
    await ours.reconnect()
    await cluster.whole()
    expect(await load.settle(cluster)).toEqual([])
    expect(gapMs).toBeLessThan(60_000)
    await annotate(
      `${cluster.network}: no message for ${gapMs} ms; refused: ${load.refused.length}`,
    )
  })
})
