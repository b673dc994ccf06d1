import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { migrateAll } from '@payflow-app/migrations'
import {
  ensureServers,
  freePort,
  isPortFree,
  temporaryFolder,
  type ServerKind,
} from '@payflow/testkit'
import { claimFolder } from './claim-folder.ts'
import { openControl } from './control.ts'
import { DOCUMENTED_PORTS, planServices, SERVICE_NAMES, type ServiceName } from './plan.ts'
import { loadSecrets } from './secrets.ts'
import { externalUrl, openServer, type StackServer } from './servers.ts'
import { RunningStack, type Stack } from './stack.ts'
import { StackError } from './stack-error.ts'
import { buildWebPage } from './web-build.ts'

/** What is being done, for whoever shows progress. Steps overlap. */
export type Progress =
  | { readonly step: string; readonly state: 'started' }
  | { readonly step: string; readonly state: 'done'; readonly detail: string }
  | { readonly step: string; readonly state: 'note'; readonly detail: string }

export interface StartStackOptions {
  /** Folder of data, logs and secrets. @defaultValue a temporary one, removed by `stop()` */
  readonly dir?: string
  /**
   * `documented`: gateway 3000 (or `PAYFLOW_PORT`) and its neighbours, other free ports where those
   * are taken; `ephemeral`: free ports, so that stacks can run side by side.
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

/**
 * Starts all of PayFlow: three servers, the databases, the web page, seven processes. Resolves when
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
  const report = options.onProgress ?? (() => undefined)
  const timed = stepTimer(report)
  const secrets = loadSecrets(dir)
  const opened: StackServer[] = []
  let stack: RunningStack | undefined
  try {
    const ports = await choosePorts(options.ports ?? 'ephemeral')
    const ownOnly = options.ownServers ?? temporary
    const announce = (detail: string) => report({ step: 'servers', state: 'note', detail })
    const wanted = KINDS.filter((kind) => ownOnly || externalUrl(kind) === undefined)
    await ensureServers(wanted, announce)
    const open = (kind: ServerKind) =>
      timed(serverStep[kind], async () => {
        const server = await openServer(kind, { dir, logs, secrets, ownOnly, announce })
        opened.push(server)
        return [server, server.own?.version ?? 'from the environment'] as const
      })
    // All at once: RabbitMQ takes longest, and nothing but readiness waits for it.
    const rabbitmqStarting = open('rabbitmq')
    const webBuilding = timed('web page', async () => {
      const built = await buildWebPage()
      return [undefined, built ? 'built' : 'unchanged'] as const
    })
    const [redis, postgres] = await settleBoth(open('redis'), open('postgres'))
    await timed('databases', async () => {
      await migrateAll({ adminUrl: postgres.url, passwords: secrets.databasePasswords })
      return [undefined, 'up to date'] as const
    })
    const [, rabbitmq] = await settleBoth(webBuilding, rabbitmqStarting)
    const addresses = {
      postgresUrl: postgres.url,
      redisUrl: redis.url,
      rabbitmqUrl: rabbitmq.url,
      ports,
    }
    const running = new RunningStack({
      dir,
      temporary,
      logs,
      secrets,
      servers: { postgres, redis, rabbitmq },
      plans: planServices(addresses, secrets),
      env: options.env ?? {},
      restartDelayMaxMs: options.restartDelayMaxMs ?? 5_000,
      onDeath: options.onDeath ?? (() => undefined),
      release,
    })
    stack = running
    await timed('services', async () => {
      await running.startServices()
      await running.ready(READY_TIMEOUT_MS)
      return [undefined, `${SERVICE_NAMES.length} processes ready`] as const
    })
    running.control = await openControl(dir, running, secrets.controlToken)
    return running
  } catch (error) {
    if (stack === undefined) {
      await Promise.allSettled(opened.flatMap(({ own }) => (own ? [own.stop()] : [])))
      release()
    } else await stack.stop()
    throw error
  }
}

const serverStep: Readonly<Record<ServerKind, string>> = {
  postgres: 'PostgreSQL',
  redis: 'Redis',
  rabbitmq: 'RabbitMQ',
}

/** Waits for both even when one fails, so that nothing is still starting when the rest is stopped. */
async function settleBoth<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second])
  return [await first, await second]
}

function stepTimer(report: (progress: Progress) => void) {
  return async <T>(step: string, work: () => Promise<readonly [T, string]>): Promise<T> => {
    report({ step, state: 'started' })
    const [value, detail] = await work()
    report({ step, state: 'done', detail })
    return value
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
  const asked = name === 'gateway' ? Number(process.env['PAYFLOW_PORT'] ?? 3000) : undefined
  const port = asked ?? DOCUMENTED_PORTS[name]
  if (await isPortFree(port)) return port
  // A person types the gateway's port; the others are only seen by processes.
  if (name !== 'gateway') return freePort()
  throw new StackError(
    'STACK_PORT_TAKEN',
    `port ${port} is taken by another program; choose one: PAYFLOW_PORT=3100 npm start`,
  )
}
