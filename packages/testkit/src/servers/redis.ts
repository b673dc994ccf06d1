import { existsSync, mkdirSync } from 'node:fs'
import { Redis } from 'ioredis'
import { onPath, versionOf } from './binaries.ts'
import type { Recipe } from './recipe.ts'

export interface RedisBinaries {
  readonly server: string
  readonly version: string
}

/** The redis-server (or its drop-in successor valkey-server) on this machine. */
export function findRedis(): RedisBinaries | undefined {
  const server = onPath('redis-server') ?? onPath('valkey-server')
  return server === undefined ? undefined : { server, version: versionOf(server, '--version') }
}

export interface RedisRecipeOptions {
  readonly binaries: RedisBinaries
  readonly dataDir: string
  readonly port: number
  readonly password?: string | undefined
  readonly settings?: Readonly<Record<string, string>> | undefined
}

/** Settings of redis.conf as arguments of redis-server. A value may be several words. */
export function redisArguments(settings: Readonly<Record<string, string>> = {}): {
  [argument: string]: string
} {
  const named = Object.entries(settings).map(([name, value]) => [`--${name}`, value])
  return Object.fromEntries(named) as Record<string, string>
}

/** An append-only Redis: what it has answered survives its own death by SIGKILL. */
export function redisRecipe(options: RedisRecipeOptions): Recipe {
  const { binaries, dataDir, port, password } = options
  const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`
  const url = `redis://${login}127.0.0.1:${port}`
  const settings: Record<string, string> = {
    '--bind': '127.0.0.1',
    '--port': String(port),
    '--dir': dataDir,
    '--daemonize': 'no',
    '--appendonly': 'yes',
    // everysec is enough for a killed process: write() has happened before the answer. Only a machine that
    // loses power can lose the last second, and rule 4 (the ledger decides) covers that.
    '--appendfsync': 'everysec',
    '--save': '',
    '--maxmemory-policy': 'noeviction',
    ...(password === undefined ? {} : { '--requirepass': password }),
    ...redisArguments(options.settings),
  }
  return {
    kind: 'redis',
    version: binaries.version,
    url,
    port,
    command: { file: binaries.server, args: Object.entries(settings).flat(), cwd: '/' },
    companions: [],
    orderlySignal: 'SIGTERM',
    fastSignal: 'SIGKILL',
    lastSignal: 'TERM',
    async prepare() {
      if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true })
    },
    probe: () => pingRedis(url),
  }
}

/** Resolves when the server at `url` answers PING within two seconds. */
export async function pingRedis(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    maxRetriesPerRequest: 0,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.ping()
  } finally {
    client.disconnect()
  }
}
