import { Redis } from 'ioredis'
import { freePort } from '../processes/ports.ts'
import { waitFor } from '../wait-for.ts'
import type { Server } from './server.ts'
import { startRedis } from './start.ts'

const SLOTS = 16_384
// A node that does not answer for this long is taken for dead; the elections of a failover follow from it.
const NODE_TIMEOUT_MS = 1_000

export interface RedisClusterOptions {
  /** How many masters share the slots; a cluster elects nobody with fewer than three. @defaultValue 3 */
  readonly masters?: number
  /** @defaultValue 0 */
  readonly replicasPerMaster?: number
  /** Extra settings of every node's redis.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A real Redis Cluster on the loopback interface. */
export interface RedisCluster extends AsyncDisposable {
  /** Masters first, then replicas, as they were made; a failover changes who is what. */
  readonly nodes: readonly Server[]
  /** Where a client may begin: every node. */
  readonly startupNodes: readonly { readonly host: string; readonly port: number }[]
  /** The node that serves a key now, by its own word. */
  masterOf(key: string): Promise<Server>
  /** A node that replicates the master of a key. */
  replicaOf(key: string): Promise<Server>
  /**
   * Opens the migration of a key's slot to another master and leaves it open: the old master answers ASK for
   * keys it does not have. `finish` moves what is left and gives the slot away: from then on MOVED.
   */
  migrateSlotOf(key: string, to: Server): Promise<{ finish(): Promise<void> }>
  /** Ends all nodes and removes their data. */
  stop(): Promise<void>
}

/**
 * Starts a private Redis Cluster and resolves when every node sees all slots served, and every replica has
 * copied its master; usually after 3 s. Needs Redis 7 on this machine, not a container.
 *
 * @throws {@link TestkitError} as {@link startRedis}.
 */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicasPerMaster = 0, settings = {} } = options
  const count = masters * (1 + replicasPerMaster)
  const started = await Promise.allSettled(
    Array.from({ length: count }, (_, at) => startNode(`redis-cluster-${at}`, settings)),
  )
  const nodes = started.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : []))
  const cluster = new ProcessCluster(nodes)
  const failed = started.find((node) => node.status === 'rejected')
  try {
    if (failed !== undefined) throw failed.reason
    await cluster.form(masters, replicasPerMaster)
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

async function startNode(
  name: string,
  settings: Readonly<Record<string, string>>,
): Promise<Server> {
  return await startRedis({
    name,
    settings: {
      'cluster-enabled': 'yes',
      'cluster-port': String(await freePort()),
      'cluster-node-timeout': String(NODE_TIMEOUT_MS),
      'repl-diskless-sync-delay': '0',
      ...settings,
    },
  })
}

class ProcessCluster implements RedisCluster {
  readonly nodes: readonly Server[]
  readonly startupNodes: readonly { readonly host: string; readonly port: number }[]

  constructor(nodes: readonly Server[]) {
    this.nodes = nodes
    this.startupNodes = nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  async form(masters: number, replicasPerMaster: number): Promise<void> {
    const [first, ...others] = this.nodes
    if (first === undefined) return
    for (const node of others) {
      const busPort = valueOf(await ask(node, 'CONFIG', 'GET', 'cluster-port'))
      await ask(first, 'CLUSTER', 'MEET', '127.0.0.1', node.port, busPort)
    }
    for (const [at, node] of this.nodes.slice(0, masters).entries()) {
      const from = Math.round((at * SLOTS) / masters)
      const to = Math.round(((at + 1) * SLOTS) / masters) - 1
      await ask(node, 'CLUSTER', 'ADDSLOTSRANGE', from, to)
    }
    await this.#eachKnowsAll(0)
    const masterIds = await Promise.all(this.nodes.slice(0, masters).map(idOf))
    for (const [at, node] of this.nodes.slice(masters).entries()) {
      await ask(node, 'CLUSTER', 'REPLICATE', masterIds[at % masters] ?? '')
      await waitFor(async () => /master_link_status:up/.test(await infoOf(node)), {
        timeoutMs: 60_000,
      })
    }
    await this.#eachKnowsAll(replicasPerMaster)
  }

  /** Gossip takes a moment: until then a node may know a replica without knowing that it is one. */
  async #eachKnowsAll(replicasPerMaster: number): Promise<void> {
    for (const node of this.nodes) {
      await waitFor(
        async () => {
          const shards = (await ask(node, 'CLUSTER', 'SLOTS')) as Shard[]
          const info = String(await ask(node, 'CLUSTER', 'INFO'))
          const sees = (text: string): boolean => info.includes(text)
          return (
            sees('cluster_state:ok') &&
            sees(`known_nodes:${this.nodes.length}`) &&
            shards.every((shard) => shard.length === 3 + replicasPerMaster)
          )
        },
        { timeoutMs: 60_000, message: `${node.name} to see the whole cluster` },
      )
    }
  }

  async masterOf(key: string): Promise<Server> {
    return this.#nodeOn((await this.#shardOf(key))[2])
  }

  async replicaOf(key: string): Promise<Server> {
    return this.#nodeOn((await this.#shardOf(key))[3])
  }

  async migrateSlotOf(key: string, to: Server): Promise<{ finish(): Promise<void> }> {
    const from = await this.masterOf(key)
    const slot = await slotOf(from, key)
    const [fromId, toId] = [await idOf(from), await idOf(to)]
    await ask(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
    await ask(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
    return {
      finish: async () => {
        const keys = (await ask(from, 'CLUSTER', 'GETKEYSINSLOT', slot, 1_000)) as string[]
        if (keys.length > 0) {
          await ask(from, 'MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys)
        }
        // Told to every master, since gossip would take a moment; to the new owner first.
        const masters = [to, from, ...(await this.#masters())]
        for (const node of new Set(masters)) {
          await ask(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId)
        }
      },
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #shardOf(key: string): Promise<Shard> {
    const alive = this.nodes.find(({ pid }) => pid !== 0)
    if (alive === undefined) throw new Error('no node of this cluster is alive')
    const slot = await slotOf(alive, key)
    const shards = (await ask(alive, 'CLUSTER', 'SLOTS')) as Shard[]
    const shard = shards.find(([first, last]) => first <= slot && slot <= last)
    if (shard === undefined) throw new Error(`no node serves the slot ${slot}`)
    return shard
  }

  async #masters(): Promise<Server[]> {
    const alive = this.nodes.filter(({ pid }) => pid !== 0)
    const infos = await Promise.all(alive.map(infoOf))
    return alive.filter((_, at) => infos[at]?.includes('role:master'))
  }

  #nodeOn(address: NodeAddress | undefined): Server {
    const node = this.nodes.find(({ port }) => port === address?.[1])
    if (node === undefined) throw new Error('there is no such node in this cluster')
    return node
  }
}

type NodeAddress = readonly [ip: string, port: number, ...unknown[]]

/** An entry of CLUSTER SLOTS. */
type Shard = readonly [
  firstSlot: number,
  lastSlot: number,
  master: NodeAddress,
  ...replicas: NodeAddress[],
]

async function slotOf(node: Server, key: string): Promise<number> {
  return Number(await ask(node, 'CLUSTER', 'KEYSLOT', key))
}

async function idOf(node: Server): Promise<string> {
  return String(await ask(node, 'CLUSTER', 'MYID'))
}

async function infoOf(node: Server): Promise<string> {
  return String(await ask(node, 'INFO', 'replication'))
}

/** The value in an answer to CONFIG GET, in the older or the newer protocol. */
function valueOf(answer: unknown): string {
  return String(Array.isArray(answer) ? answer[1] : Object.values(answer as object)[0])
}

/** One command to one node, over a connection of its own. */
async function ask(node: Server, command: string, ...args: (string | number)[]): Promise<unknown> {
  const client = new Redis(node.url, { lazyConnect: true, retryStrategy: () => null })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await client.call(command, ...args)
  } finally {
    client.disconnect()
  }
}
