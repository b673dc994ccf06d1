// The private RabbitMQ cluster: its queues outlive a node, and it leaves nothing behind.
import { existsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { connect } from 'amqplib'
import { expect, it } from 'vitest'
import { isAlive, pingRabbitmq, spawnChild, startRabbitCluster, waitFor } from '../src/index.ts'
import type { RabbitNode } from '../src/index.ts'

const QUORUM = { arguments: { 'x-queue-type': 'quorum' } }

async function withChannel<T>(
  node: RabbitNode | undefined,
  work: (channel: Awaited<ReturnType<typeof open>>['channel']) => Promise<T>,
): Promise<T> {
  const { model, channel } = await open(node?.url ?? '')
  try {
    return await work(channel)
  } finally {
    await model.close().catch(() => undefined)
  }
}

async function open(url: string) {
  const model = await connect(url, { timeout: 10_000 })
  model.on('error', () => undefined)
  const channel = await model.createConfirmChannel()
  channel.on('error', () => undefined)
  return { model, channel }
}

it('elects another leader when one is killed or cut off, and takes it back', async () => {
  await using cluster = await startRabbitCluster({ nodes: 3 })
  expect(cluster.urls).toHaveLength(3)
  await withChannel(cluster.nodes[0], async (channel) => {
    await channel.assertQueue('kept', QUORUM)
    channel.sendToQueue('kept', Buffer.from('7'), { persistent: true })
    await channel.waitForConfirms()
  })
  await cluster.registered('kept')

  const first = await cluster.leaderOf('kept')
  await first.kill()
  const second = await cluster.leaderOf('kept')
  expect(second).not.toBe(first)
  await first.start()
  await cluster.whole()

  await second.cutOff()
  await expect(pingRabbitmq(second.url)).rejects.toThrow(/ETIMEDOUT|EHOSTUNREACH/)
  const third = await cluster.leaderOf('kept')
  expect(third).not.toBe(second)
  await withChannel(third, async (channel) => {
    const message = await waitFor(() => channel.get('kept', { noAck: true }))
    expect(message && message.content.toString()).toBe('7')
  })
  await second.reconnect()
  await cluster.whole()
  await waitFor(() => pingRabbitmq(second.url).then(() => true), { timeoutMs: 60_000 })
})

it('ends with the process that started it, its networks too', async () => {
  const owner = await spawnChild(new URL('cluster-owner.ts', import.meta.url))
  const owned = await owner.message<{ pids: number[]; folder: string; interfaces: string[] }>(
    (message) => 'pids' in message,
    { timeoutMs: 90_000 },
  )
  expect(owned.pids.every(isAlive)).toBe(true)
  await owner.kill('SIGKILL')
  const gone = { timeoutMs: 60_000 }
  await waitFor(() => owned.pids.every((pid) => !isAlive(pid)), gone)
  await waitFor(() => !existsSync(owned.folder), gone)
  await waitFor(() => owned.interfaces.every((name) => !(name in networkInterfaces())), gone)
})
