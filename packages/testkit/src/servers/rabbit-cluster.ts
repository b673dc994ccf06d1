import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, openSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { TestkitError } from '../errors.ts'
import { PrivateNetwork } from '../network/private-network.ts'
import type { NetworkHost } from '../network/private-network.ts'
import { openResources } from '../open-resources.ts'
import { temporaryFolder } from '../processes/folders.ts'
import { spawnOwned } from '../processes/owned-process.ts'
import type { OwnedProcess } from '../processes/owned-process.ts'
import { freePort, isListening } from '../processes/ports.ts'
import { signalAll } from '../processes/process-tree.ts'
import { waitFor } from '../wait-for.ts'
import { ensureServers } from './find.ts'
import { ProcessServer } from './process-server.ts'
import { findRabbitmq, rabbitmqEnvironment, rabbitmqRecipe } from './rabbitmq.ts'
import type { RabbitmqBinaries, RabbitmqRecipeOptions } from './rabbitmq.ts'
import type { Server } from './server.ts'

// How often nodes make sure of one another, in seconds: a silent one counts as down after 1 to 1 1/4 of it.
const NET_TICK_S = 6
// Three nodes boot at the same time on what may be two busy cores.
const BOOT_MS = 180_000
const CTL_MS = 60_000

export interface RabbitClusterOptions {
  /** How many nodes, 1–9. @defaultValue 3 */
  readonly nodes?: number
  /** Extra lines of every node's rabbitmq.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A member of a {@link RabbitCluster}. */
export interface RabbitNode extends Server {
  /** Its name in Erlang. */
  readonly nodeName: string
  /** Runs rabbitmqctl against this node and resolves with what it prints. */
  ctl(...args: readonly string[]): Promise<string>
  /**
   * Cuts the node off from its peers and from this process, without ending any connection. Where network
   * namespaces may not be made the node is frozen instead, which to everybody else looks the same.
   */
  cutOff(): Promise<void>
  /** Undoes {@link cutOff}. */
  reconnect(): Promise<void>
}

/** A real RabbitMQ cluster on this machine. */
export interface RabbitCluster extends AsyncDisposable {
  readonly nodes: readonly RabbitNode[]
  /** Of all nodes, in their order. */
  readonly urls: readonly string[]
  /** `namespaces` when each node has a network of its own, else all share the loopback interface. */
  readonly network: 'namespaces' | 'loopback'
  /** The node on which the leader of a quorum queue is now; waits for an election. */
  leaderOf(queue: string): Promise<RabbitNode>
  /**
   * Resolves when every node has written down that it has a member of each of these quorum queues.
   * RabbitMQ 3.10 does so seconds after the declaration, and a node killed before that never starts its
   * member again.
   */
  registered(...queues: readonly string[]): Promise<void>
  /** Resolves when every node that runs sees all others that run. */
  whole(): Promise<void>
  /** Ends all nodes and removes their data. */
  stop(): Promise<void>
}

/**
 * Starts a private cluster of RabbitMQ nodes side by side; it takes 15–40 s. Nodes that have lost the
 * majority pause (`pause_minority`). Needs RabbitMQ on this machine, not a container.
 *
 * @throws {@link TestkitError} as {@link startRabbitmq}.
 */
export async function startRabbitCluster(
  options: RabbitClusterOptions = {},
): Promise<RabbitCluster> {
  const { nodes: count = 3, settings = {} } = options
  await ensureServers(['rabbitmq'])
  const binaries = findRabbitmq()
  if (binaries === undefined) {
    throw new TestkitError('TESTKIT_SERVER_MISSING', 'a cluster needs RabbitMQ on this machine')
  }
  const network = await PrivateNetwork.make(count)
  const folder = temporaryFolder('rabbitmq-cluster')
  const cluster = new ProcessCluster(network)
  try {
    await cluster.start(await plan({ binaries, folder, count, settings, network }))
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

interface PlanOptions {
  readonly binaries: RabbitmqBinaries
  readonly folder: string
  readonly count: number
  readonly settings: Readonly<Record<string, string>>
  readonly network: PrivateNetwork | undefined
}

interface PlannedNode {
  readonly recipe: RabbitmqRecipeOptions & { readonly member: object }
  readonly host: NetworkHost | undefined
}

/** Every node is told the names of all: whoever is first founds the cluster, the others join. */
async function plan(options: PlanOptions): Promise<readonly PlannedNode[]> {
  const { binaries, folder, count, settings, network } = options
  const epmdPort = await freePort()
  const cookie = randomBytes(24).toString('hex')
  const places = Array.from({ length: count }, (_, at) => {
    const host = network?.hosts[at]
    return { host, address: host?.address ?? '127.0.0.1' }
  })
  const nodeNames = places.map(({ address }, at) => `payflow-${at + 1}@${address}`)
  const peers = nodeNames.map((name, at) => [
    `cluster_formation.classic_config.nodes.${at + 1}`,
    name,
  ])
  return await Promise.all(
    places.map(async ({ host, address }, at) => ({
      host,
      recipe: {
        binaries,
        dataDir: join(folder, `node-${at + 1}`),
        port: await freePort(),
        distributionPort: await freePort(),
        epmdPort,
        user: 'guest',
        password: 'guest',
        settings: {
          'cluster_formation.peer_discovery_backend': 'classic_config',
          ...Object.fromEntries(peers),
          cluster_partition_handling: 'pause_minority',
          'loopback_users.guest': 'false',
          ...settings,
        },
        member: {
          nodeName: nodeNames[at] as string,
          host: address,
          cookie,
          erlangFlags: `-kernel net_ticktime ${NET_TICK_S}`,
          prefix: host?.prefix ?? [],
        },
      },
    })),
  )
}

class ProcessCluster implements RabbitCluster {
  readonly network: RabbitCluster['network']
  readonly #network: PrivateNetwork | undefined
  readonly #epmds: OwnedProcess[] = []
  #nodes: readonly ClusterNode[] = []

  constructor(network: PrivateNetwork | undefined) {
    this.#network = network
    this.network = network === undefined ? 'loopback' : 'namespaces'
    openResources.add(this, 'a RabbitMQ cluster', () => this.stop())
  }

  get nodes(): readonly RabbitNode[] {
    return this.#nodes
  }

  get urls(): readonly string[] {
    return this.#nodes.map(({ url }) => url)
  }

  async start(planned: readonly PlannedNode[]): Promise<void> {
    // One for each network: nodes that share the loopback interface share it, too.
    const withEpmd = this.#network === undefined ? planned.slice(0, 1) : planned
    for (const node of withEpmd) this.#epmds.push(await startEpmd(node.recipe))
    this.#nodes = planned.map((node) => new ClusterNode(node))
    const started = await Promise.allSettled(this.#nodes.map((node) => node.start()))
    const failed = started.find((node) => node.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    await this.whole()
  }

  async leaderOf(queue: string): Promise<RabbitNode> {
    return await waitFor(
      async () => {
        const list = await this.#alive().ctl(
          'list_queues',
          '-q',
          '--no-table-headers',
          'name',
          'leader',
        )
        const line = list.split('\n').find((row) => row.split('\t')[0] === queue)
        return this.#nodes.find(({ nodeName }) => nodeName === line?.split('\t')[1]?.trim())
      },
      { timeoutMs: 60_000, message: `a leader of ${queue}` },
    )
  }

  async registered(...queues: readonly string[]): Promise<void> {
    // The registry is a table that Erlang writes to disk half a second after its last change, or now.
    const known = queues.map(
      (queue) => `ra_directory:uid_of(quorum_queues, '%2F_${queue}') =/= undefined andalso`,
    )
    const flush = `${known.join(' ')} dets:sync(ra_directory_reverse) =:= ok.`
    await Promise.all(
      this.#running().map((node) =>
        waitFor(async () => (await node.ctl('eval', flush)).includes('true'), {
          timeoutMs: 60_000,
          message: `${node.name} to register ${queues.join(', ')}`,
        }),
      ),
    )
  }

  async whole(): Promise<void> {
    const running = this.#running()
    await Promise.all(
      running.map((node) =>
        waitFor(
          async () => {
            const seen = await node.ctl('eval', 'length(rabbit_mnesia:cluster_nodes(running)).')
            return Number(seen.trim()) === running.length
          },
          { timeoutMs: BOOT_MS, message: `${node.name} to see ${running.length} nodes` },
        ),
      ),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()))
    signalAll(
      this.#epmds.map(({ pid }) => pid),
      'SIGKILL',
    )
    await Promise.all(this.#epmds.splice(0).map(({ exited }) => exited))
    await this.#network?.[Symbol.asyncDispose]()
    openResources.delete(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #running(): readonly ClusterNode[] {
    return this.#nodes.filter(({ pid }) => pid !== 0)
  }

  #alive(): ClusterNode {
    const node = this.#running().find(({ away }) => !away)
    if (node === undefined) throw new Error('no node of this cluster is alive')
    return node
  }
}

/** A node as a server that is started and killed like any other, and what only a member can do. */
class ClusterNode extends ProcessServer implements RabbitNode {
  readonly nodeName: string
  readonly #planned: PlannedNode
  #away = false

  constructor(planned: PlannedNode) {
    const { recipe } = planned
    const { nodeName } = recipe.member as { nodeName: string }
    super(rabbitmqRecipe(recipe), {
      name: nodeName,
      log: `${recipe.dataDir}.log`,
      startTimeoutMs: BOOT_MS,
      temporaryFolder: recipe.dataDir,
    })
    this.nodeName = nodeName
    this.#planned = planned
  }

  /** It is cut off. */
  get away(): boolean {
    return this.#away
  }

  async ctl(...args: readonly string[]): Promise<string> {
    const { recipe, host } = this.#planned
    const tool = join(recipe.binaries.sbin, 'rabbitmqctl')
    const [file = tool, ...rest] = [...(host?.prefix ?? []), tool, ...args]
    const env = { ...rabbitmqEnvironment(recipe), LANG: 'C.UTF-8' }
    const options = { env, cwd: '/', timeout: CTL_MS }
    return (await promisify(execFile)(file, rest, options)).stdout
  }

  async cutOff(): Promise<void> {
    this.#away = true
    if (this.#planned.host === undefined) this.freeze()
    else await this.#planned.host.unplug()
  }

  async reconnect(): Promise<void> {
    if (this.#planned.host === undefined) this.resume()
    else await this.#planned.host.plug()
    this.#away = false
  }
}

/** Erlang would start one as a daemon that nobody ends. */
async function startEpmd(recipe: RabbitmqRecipeOptions): Promise<OwnedProcess> {
  const { binaries, epmdPort, dataDir, member } = recipe
  mkdirSync(dataDir, { recursive: true })
  const host = member?.host ?? '127.0.0.1'
  const [file, ...args] = [...(member?.prefix ?? []), binaries.epmd, '-port', `${epmdPort}`]
  const output = openSync(`${dataDir}-epmd.log`, 'a')
  try {
    const env = { ...process.env, ERL_EPMD_ADDRESS: host }
    const epmd = await spawnOwned(file, { args, cwd: '/', env, stdio: ['ignore', output, output] })
    await waitFor(() => isListening(epmdPort, host), { message: 'epmd to listen' })
    return epmd
  } finally {
    closeSync(output)
  }
}
