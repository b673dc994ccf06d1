import { join } from 'node:path'
import { asciiFolder, reachableFolder, temporaryFolder } from '../processes/folders.ts'
import { freePort } from '../processes/ports.ts'
import { unprivilegedOwner } from '../processes/unprivileged-user.ts'
import { ContainerServer, type ContainerRecipe } from './docker.ts'
import { findPostgresOf, findServer } from './find.ts'
import { pingPostgres, postgresRecipe } from './postgres.ts'
import { ProcessServer } from './process-server.ts'
import { pingRabbitmq, rabbitmqRecipe } from './rabbitmq.ts'
import type { Recipe } from './recipe.ts'
import { pingRedis, redisArguments, redisRecipe } from './redis.ts'
import type { Server, ServerKind, ServerOptions } from './server.ts'

export interface PostgresOptions extends ServerOptions {
  /** Password of the superuser `postgres`. @defaultValue none: every local connection is trusted */
  readonly password?: string
  /** Extra `postgres -c name=value` settings. */
  readonly settings?: Readonly<Record<string, string>>
  /** Major version. @defaultValue the newest on this machine, which CI's distribution decides */
  readonly major?: number
}

export interface RedisOptions extends ServerOptions {
  /** @defaultValue none */
  readonly password?: string
  /** Extra settings of redis.conf, `{ 'maxmemory-policy': 'volatile-lru' }` for example. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface RabbitmqOptions extends ServerOptions {
  /** @defaultValue guest */
  readonly user?: string
  /** @defaultValue guest */
  readonly password?: string
  /** Erlang's own port, for a node that must be found again. @defaultValue a free one */
  readonly distributionPort?: number
  /** Port of the private epmd. @defaultValue a free one */
  readonly epmdPort?: number
  /** Extra lines of rabbitmq.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

/**
 * Starts a private PostgreSQL and resolves when it answers. fsync is on; 400 connections; UTC; no Unix
 * socket. Not as root: root's server runs as `nobody`.
 *
 * @throws {@link TestkitError} `TESTKIT_SERVER_MISSING`, `TESTKIT_PORT_TAKEN`, `TESTKIT_SERVER_START_FAILED`
 * (with the end of the log).
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<Server> {
  const { password, settings, major } = options
  const found =
    major === undefined
      ? await findServer('postgres', options.announce)
      : await findPostgresOf(major)
  const port = options.port ?? (await freePort())
  const place = placeFor('postgres', options)
  if (found.from === 'binaries') {
    const dataDir = place.dataDir
    return startProcess(
      postgresRecipe({ binaries: found.binaries, dataDir, port, password, settings }),
      options,
      place,
    )
  }
  const login = password === undefined ? 'postgres' : `postgres:${encodeURIComponent(password)}`
  const url = `postgres://${login}@127.0.0.1:${port}/postgres`
  const recipe: ContainerRecipe = {
    kind: 'postgres',
    image: `postgres:${major ?? 17}-alpine`,
    url,
    port,
    containerPort: 5432,
    containerDataDir: '/var/lib/postgresql/data',
    environment:
      password === undefined
        ? { POSTGRES_HOST_AUTH_METHOD: 'trust' }
        : { POSTGRES_PASSWORD: password },
    command: ['postgres', '-c', 'max_connections=400'],
    probe: () => pingPostgres(url),
  }
  return startContainer(recipe, options, place)
}

/** Starts a private append-only Redis and resolves when it answers. Errors as {@link startPostgres}. */
export async function startRedis(options: RedisOptions = {}): Promise<Server> {
  const { password, settings } = options
  const found = await findServer('redis', options.announce)
  const port = options.port ?? (await freePort())
  const place = placeFor('redis', options)
  if (found.from === 'binaries') {
    const dataDir = place.dataDir
    return startProcess(
      redisRecipe({ binaries: found.binaries, dataDir, port, password, settings }),
      options,
      place,
    )
  }
  const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`
  const url = `redis://${login}127.0.0.1:${port}`
  const secret = password === undefined ? [] : ['--requirepass', password]
  const extra = Object.entries(redisArguments(settings)).flat()
  const recipe: ContainerRecipe = {
    kind: 'redis',
    image: 'redis:7.4-alpine',
    url,
    port,
    containerPort: 6379,
    containerDataDir: '/data',
    environment: {},
    command: ['redis-server', '--appendonly', 'yes', '--save', '', ...secret, ...extra],
    probe: () => pingRedis(url),
  }
  return startContainer(recipe, options, place)
}

/**
 * Starts a private RabbitMQ node with its own name, cookie and epmd; resolves when it accepts a login,
 * usually after 8–16 s. Errors as {@link startPostgres}.
 */
export async function startRabbitmq(options: RabbitmqOptions = {}): Promise<Server> {
  const { user = 'guest', password = 'guest', settings } = options
  const found = await findServer('rabbitmq', options.announce)
  const port = options.port ?? (await freePort())
  const place = placeFor('rabbitmq', options)
  if (found.from === 'binaries') {
    const recipe = rabbitmqRecipe({
      binaries: found.binaries,
      dataDir: place.dataDir,
      port,
      distributionPort: options.distributionPort ?? (await freePort()),
      epmdPort: options.epmdPort ?? (await freePort()),
      user,
      password,
      settings,
    })
    return startProcess(recipe, options, place)
  }
  const url = `amqp://${encodeURIComponent(user)}:${encodeURIComponent(password)}@127.0.0.1:${port}`
  const recipe: ContainerRecipe = {
    kind: 'rabbitmq',
    image: 'rabbitmq:4.1-alpine',
    url,
    port,
    containerPort: 5672,
    containerDataDir: '/var/lib/rabbitmq',
    environment: { RABBITMQ_DEFAULT_USER: user, RABBITMQ_DEFAULT_PASS: password },
    probe: () => pingRabbitmq(url),
  }
  return startContainer(recipe, options, place)
}

interface Place {
  readonly dataDir: string
  readonly log: string
  readonly temporaryFolder: string | undefined
}

function placeFor(kind: ServerKind, options: ServerOptions): Place {
  if (options.dataDir === undefined) {
    const folder = temporaryFolder(kind)
    const log = options.log ?? join(folder, 'server.log')
    return { dataDir: join(folder, 'data'), log, temporaryFolder: folder }
  }
  // Only PostgreSQL runs as another user, who must be able to enter the folder.
  const elsewhere = kind === 'postgres' && unprivilegedOwner() !== undefined
  const reachable = elsewhere ? reachableFolder(options.dataDir) : options.dataDir
  const dataDir = kind === 'rabbitmq' ? asciiFolder(reachable) : reachable
  const log = options.log ?? `${options.dataDir}.log`
  return { dataDir, log, temporaryFolder: undefined }
}

async function startProcess(recipe: Recipe, options: ServerOptions, place: Place): Promise<Server> {
  const server = new ProcessServer(recipe, {
    name: options.name ?? recipe.kind,
    log: place.log,
    startTimeoutMs: options.startTimeoutMs ?? 90_000,
    temporaryFolder: place.temporaryFolder,
  })
  return await started(server)
}

async function startContainer(
  recipe: ContainerRecipe,
  options: ServerOptions,
  place: Place,
): Promise<Server> {
  const server = new ContainerServer(recipe, {
    name: options.name ?? recipe.kind,
    log: place.log,
    startTimeoutMs: options.startTimeoutMs ?? 90_000,
    dataDir: options.dataDir,
  })
  return await started(server)
}

async function started(server: Server): Promise<Server> {
  try {
    await server.start()
    return server
  } catch (error) {
    await server.stop().catch(() => undefined)
    throw error
  }
}
