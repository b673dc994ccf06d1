import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import { connect } from 'amqplib'
import { isExecutable, onPath, realPath, versioned } from './binaries.ts'
import type { Companion, Recipe } from './recipe.ts'

const LOOPBACK = '127.0.0.1'

export interface RabbitmqBinaries {
  /** Folder with the real scripts, not with Debian's wrappers, which want to be root or rabbitmq. */
  readonly sbin: string
  readonly epmd: string
  readonly version: string
}

/** RabbitMQ on this machine: Debian's folder, Homebrew's, or the one the script on PATH belongs to. */
export function findRabbitmq(): RabbitmqBinaries | undefined {
  const found = onPath('rabbitmq-server')
  const folders = [
    ...versioned('/usr/lib/rabbitmq/lib', 'sbin', 'rabbitmq_server-'),
    ...versioned('/opt/homebrew/Cellar/rabbitmq', 'sbin'),
    ...(found === undefined ? [] : [dirname(realPath(found))]),
  ]
  const sbin = folders.find((folder) => isExecutable(join(folder, 'rabbitmq-defaults')))
  const epmd = onPath('epmd')
  if (sbin === undefined || epmd === undefined) return undefined
  const version = /rabbitmq(?:_server-|\/)(\d+\.\d+\.\d+)/.exec(sbin)?.[1] ?? 'unknown'
  return { sbin, epmd, version }
}

export interface RabbitmqRecipeOptions {
  readonly binaries: RabbitmqBinaries
  readonly dataDir: string
  readonly port: number
  /** For Erlang's own connections between nodes and from rabbitmqctl. */
  readonly distributionPort: number
  readonly epmdPort: number
  readonly user: string
  readonly password: string
  /** Extra lines of rabbitmq.conf. */
  readonly settings?: Readonly<Record<string, string>> | undefined
  /** What makes it a member of a cluster. @defaultValue a node by itself */
  readonly member?: RabbitmqMember | undefined
}

/** A node's place in a cluster, whose members must find one another by name. */
export interface RabbitmqMember {
  /** `name@address`, known to every other member. */
  readonly nodeName: string
  readonly host: string
  /** The same for all members. */
  readonly cookie: string
  /** More flags for the Erlang machine. */
  readonly erlangFlags: string
  /** Goes before every command, to run it in the node's own network. */
  readonly prefix: readonly string[]
}

/**
 * A node of its own: name, cookie, epmd and folders are all private to it, so that any number of them live
 * on one machine. epmd runs in the foreground beside it; left to itself Erlang starts a daemon that stays.
 */
export function rabbitmqRecipe(options: RabbitmqRecipeOptions): Recipe {
  const { binaries, port, user, password } = options
  const { host = LOOPBACK, prefix = [] } = options.member ?? {}
  const url = `amqp://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}`
  const env = rabbitmqEnvironment(options)
  const [file, ...args] = [...prefix, join(binaries.sbin, 'rabbitmq-server')]
  return {
    kind: 'rabbitmq',
    version: binaries.version,
    url,
    port,
    host,
    command: { file, args, env, cwd: '/' },
    // A cluster runs the epmd of its members itself: it has to outlive each of them.
    companions: options.member === undefined ? [epmd(options, env)] : [],
    orderlySignal: 'SIGTERM',
    fastSignal: 'SIGKILL',
    lastSignal: 'KILL',
    async prepare() {
      prepareFolder(options)
    },
    probe: () => pingRabbitmq(url),
  }
}

function epmd(options: RabbitmqRecipeOptions, env: NodeJS.ProcessEnv): Companion {
  const { binaries, epmdPort } = options
  return { file: binaries.epmd, args: ['-port', `${epmdPort}`], env, cwd: '/', listensOn: epmdPort }
}

/** The environment in which the node runs and in which its command line tools find it. */
export function rabbitmqEnvironment(options: RabbitmqRecipeOptions): NodeJS.ProcessEnv {
  const { dataDir, distributionPort, epmdPort, member } = options
  const host = member?.host ?? LOOPBACK
  const address = host.replaceAll('.', ',')
  const inherited = Object.entries(process.env).filter(([name]) => !/^(RABBITMQ|ERL)_/.test(name))
  return {
    ...Object.fromEntries(inherited),
    HOME: dataDir,
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: host,
    // The same for every node: names only have to differ within one epmd, and the name is part of the
    // path of the data, which must be found again when the port has changed.
    RABBITMQ_NODENAME: member?.nodeName ?? 'payflow@localhost',
    ...(member === undefined ? {} : { RABBITMQ_USE_LONGNAME: 'true' }),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(dataDir, 'mnesia'),
    RABBITMQ_LOG_BASE: join(dataDir, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_CONFIG_FILE: join(dataDir, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: join(dataDir, 'rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(dataDir, 'enabled_plugins'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
      `+S 2:2 -kernel inet_dist_use_interface {${address}} ${member?.erlangFlags ?? ''}`.trim(),
    // Makes the script become the Erlang machine instead of waiting beside it, so that our child's
    // process id is the broker's own. Nothing else reads it (systemd speaks through NOTIFY_SOCKET).
    RUNNING_UNDER_SYSTEMD: 'true',
  }
}

function prepareFolder(options: RabbitmqRecipeOptions): void {
  const { dataDir } = options
  mkdirSync(join(dataDir, 'mnesia'), { recursive: true })
  mkdirSync(join(dataDir, 'log'), { recursive: true })
  const cookie = join(dataDir, '.erlang.cookie')
  if (!existsSync(cookie)) {
    const secret = options.member?.cookie ?? randomBytes(24).toString('hex')
    writeFileSync(cookie, secret, { mode: 0o400 })
  }
  writeFileSync(join(dataDir, 'enabled_plugins'), '[].\n')
  writeFileSync(join(dataDir, 'rabbitmq-env.conf'), '')
  const settings: Record<string, string> = {
    'listeners.tcp.1': `${options.member?.host ?? LOOPBACK}:${options.port}`,
    default_user: options.user,
    default_pass: options.password,
    'log.console': 'true',
    'log.console.level': 'info',
    'log.file': 'false',
    'disk_free_limit.absolute': '50MB',
    ...options.settings,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`)
  writeFileSync(join(dataDir, 'rabbitmq.conf'), lines.join(''), { mode: 0o600 })
}

/** Resolves when the broker at `url` accepts a login within five seconds. */
export async function pingRabbitmq(url: string): Promise<void> {
  const connection = await connect(url, { timeout: 5_000 })
  connection.on('error', () => undefined)
  await connection.close()
}
