import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { migrateAll } from '@payflow-app/migrations'
import {
  ensureServers,
  freePort,
  isPortFree,
  lookForServer,
  temporaryFolder,
  type ServerKind,
} from '@payflow/testkit'
import { claimFolder } from './claim-folder.ts'
import { openControl } from './control.ts'
import {
  DOCUMENTED_PORTS,
  DOCUMENTED_SMTP_PORT,
  planServices,
  SERVICE_NAMES,
  type ServiceName,
} from './plan.ts'
import { areQueuesWritten, queuesWritten } from './queue-registry.ts'
import { loadSecrets, type Secrets } from './secrets.ts'
import { externalUrl, openServer, rabbitmqAddress, type StackServer } from './servers.ts'
import { RunningStack, type Stack } from './stack.ts'
import { StackError } from './stack-error.ts'
import { Steps, type Progress } from './steps.ts'
import { buildWebPage } from './web-build.ts'

export interface StartStackOptions {
  /** Folder of data, logs and secrets. @defaultValue a temporary one, removed by `stop()` */
  readonly dir?: string
  /**
   * `documented`: gateway 3000 (or `PAYFLOW_PORT`) and the eight after it, other free ports where
   * those are taken; `ephemeral`: free ports, so that stacks can run side by side.
   * @defaultValue `'ephemeral'`
   */
  readonly ports?: 'documented' | 'ephemeral'
  /** Added to the environment of one process, or of all. */
  readonly env?: Readonly<Partial<Record<ServiceName | 'all', Readonly<Record<string, string>>>>>
  /** Never use servers named in the environment. @defaultValue true with a temporary folder */
  readonly ownServers?: boolean
  /**
   * Longest pause before a process that keeps dying is started again.
   * @defaultValue 5000, as long as a person waits before looking at the log
   */
  readonly restartDelayMaxMs?: number
  readonly onProgress?: (progress: Progress) => void
  /** Called with a sentence when something died and was started again. */
  readonly onDeath?: (sentence: string) => void
}

const READY_TIMEOUT_MS = 120_000
const KINDS: readonly ServerKind[] = ['postgres', 'redis', 'rabbitmq']
const serverStep: Readonly<Record<ServerKind, string>> = {
  postgres: 'PostgreSQL',
  redis: 'Redis',
  rabbitmq: 'RabbitMQ',
}

/**
 * Starts all of PayFlow: three servers, the databases, the web page, eight processes. Resolves when
 * every process is ready. What dies is started again until {@link Stack.stop}.
 *
 * @throws {@link StackError} when another stack runs in the folder, or the gateway's port is taken.
 */
export async function startStack(options: StartStackOptions = {}): Promise<Stack> {
  const temporary = options.dir === undefined
  const dir = options.dir === undefined ? temporaryFolder('stack') : resolve(options.dir)
  const logs = join(dir, 'logs')
  mkdirSync(logs, { recursive: true })
  const release = claimFolder(dir)
  const steps = new Steps(options.onProgress ?? (() => undefined))
  const servers = new Servers(steps, dir, options.ownServers ?? temporary)
  let stack: RunningStack | undefined
  try {
    const secrets = loadSecrets(dir)
    const mode = options.ports ?? 'ephemeral'
    const ports = await choosePorts(mode)
    const smtpPort = mode === 'ephemeral' ? await freePort() : await smtpPortNearby()
    const mail = { smtpPort, mailDir: join(dir, 'mail') }
    await servers.possible()
    // RabbitMQ takes longest, by far: everything else is started beside it.
    const rabbitmq = await servers.openRabbitmq(secrets)
    const redisUp = servers.open('redis', secrets)
    const webBuilt = steps.run('web page', async () => {
      const built = await buildWebPage()
      return [undefined, built ? 'built' : 'unchanged'] as const
    })
    const postgres = await servers.open('postgres', secrets)
    await steps.run('databases', async () => {
      await migrateAll({ adminUrl: postgres.url, passwords: secrets.databasePasswords })
      return [undefined, 'up to date'] as const
    })
    const redis = await redisUp
    await webBuilt
    const urls = { postgresUrl: postgres.url, redisUrl: redis.url, rabbitmqUrl: rabbitmq.url }
    const running = new RunningStack({
      dir,
      temporary,
      logs,
      secrets,
      servers: [postgres, redis],
      plans: planServices({ ...urls, ...mail, ports }, secrets),
      env: options.env ?? {},
      restartDelayMaxMs: options.restartDelayMaxMs ?? 5_000,
      onDeath: options.onDeath ?? (() => undefined),
      release,
    })
    stack = running
    await steps.run('services', async () => {
      // They would all start without RabbitMQ, but look for it ever more rarely; two cores are
      // better spent on its start.
      await running.startServices(({ env }) => env['RABBITMQ_URL'] === undefined)
      running.adopt(await rabbitmq.up)
      await running.startServices()
      await running.complete(READY_TIMEOUT_MS)
      return [undefined, `${SERVICE_NAMES.length} processes ready`] as const
    })
    await servers.keepQueues()
    running.control = await openControl(dir, running, secrets.controlToken)
    return running
  } catch (error) {
    await steps.settled()
    await stack?.stop()
    await servers.stop()
    release()
    if (temporary) rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

/** The three servers of a stack that is starting. */
class Servers {
  readonly #steps: Steps
  readonly #dir: string
  readonly #ownOnly: boolean
  readonly #opened: StackServer[] = []
  readonly #installed: Promise<void>
  readonly #installing = Promise.withResolvers<void>()

  constructor(steps: Steps, dir: string, ownOnly: boolean) {
    this.#steps = steps
    this.#dir = dir
    this.#ownOnly = ownOnly
    const wanted = KINDS.filter((kind) => ownOnly || externalUrl(kind) === undefined)
    // One installation for all that is missing; what is there does not wait for it.
    this.#installed = steps.keep(ensureServers(wanted, (line) => this.#announce(line)))
  }

  /** Resolves when all servers are there or on their way; rejects when one can't be had. */
  async possible(): Promise<void> {
    await Promise.race([this.#installed, this.#installing.promise])
  }

  open(kind: ServerKind, secrets: Secrets, port?: number): Promise<StackServer> {
    return this.#steps.run(serverStep[kind], async () => {
      if (lookForServer(kind) === undefined) await this.#installed
      const server = await openServer(
        kind,
        {
          dir: this.#dir,
          logs: join(this.#dir, 'logs'),
          secrets,
          ownOnly: this.#ownOnly,
          announce: (line) => this.#announce(line),
        },
        port,
      )
      this.#opened.push(server)
      return [server, server.own?.version ?? 'from the environment'] as const
    })
  }

  async openRabbitmq(
    secrets: Secrets,
  ): Promise<{ readonly url: string; readonly up: Promise<StackServer> }> {
    const { url, port } = await rabbitmqAddress(this.#ownOnly, secrets)
    return { url, up: this.open('rabbitmq', secrets, port) }
  }

  /** Lets RabbitMQ write down the queues it has: from then on they survive its sudden death. */
  async keepQueues(): Promise<void> {
    const dataDir = join(this.#dir, 'rabbitmq')
    if (areQueuesWritten(dataDir)) return
    await this.#steps.run('queues', async () => {
      const written = await queuesWritten(dataDir)
      return [undefined, written ? 'written to disk' : 'not yet written to disk'] as const
    })
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#opened.flatMap(({ own }) => (own ? [own.stop()] : [])))
  }

  #announce(line: string): void {
    this.#installing.resolve()
    this.#steps.note('servers', line)
  }
}

async function choosePorts(
  mode: 'documented' | 'ephemeral',
): Promise<Readonly<Record<ServiceName, number>>> {
  const chosen: Partial<Record<ServiceName, number>> = {}
  for (const name of SERVICE_NAMES) {
    chosen[name] = mode === 'ephemeral' ? await freePort() : await documentedPort(name)
  }
  return chosen as Record<ServiceName, number>
}

async function documentedPort(name: ServiceName): Promise<number> {
  // The neighbours move with the gateway: two checkouts that start at the same moment would else
  // both find the same ports free, and talk to each other's services.
  const port = moved(DOCUMENTED_PORTS[name])
  if (await isPortFree(port)) return port
  // A person types the gateway's port; the others are only seen by processes.
  if (name !== 'gateway') return freePort()
  throw new StackError(
    'STACK_PORT_TAKEN',
    `port ${port} is taken by another program; choose one: PAYFLOW_PORT=${port + 100} npm start`,
  )
}

async function smtpPortNearby(): Promise<number> {
  const port = moved(DOCUMENTED_SMTP_PORT)
  return (await isPortFree(port)) ? port : await freePort()
}

function moved(documentedPort: number): number {
  return gatewayPort() + documentedPort - DOCUMENTED_PORTS.gateway
}

function gatewayPort(): number {
  const text = process.env['PAYFLOW_PORT'] ?? ''
  if (text === '') return DOCUMENTED_PORTS.gateway
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_435) return port
  throw new StackError('STACK_PORT_INVALID', `PAYFLOW_PORT=${text} is no port: 1 to 65435`)
}
