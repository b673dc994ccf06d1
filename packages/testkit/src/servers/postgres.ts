import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { giveTo, unprivilegedOwner, type Owner } from '../processes/unprivileged-user.ts'
import { isExecutable, onPath, realPath, versionOf, versioned } from './binaries.ts'
import type { Recipe } from './recipe.ts'

const run = promisify(execFile)

export interface PostgresBinaries {
  readonly initdb: string
  readonly postgres: string
  readonly version: string
}

/**
 * PostgreSQL on this machine: on PATH, or where Debian and Homebrew keep it, newest first. With
 * `major` only of that major version.
 */
export function findPostgres(major?: number): PostgresBinaries | undefined {
  const found = onPath('postgres')
  const folders = [
    ...(found === undefined ? [] : [dirname(realPath(found))]),
    ...versioned('/usr/lib/postgresql', 'bin'),
    ...versioned('/opt/homebrew/opt', 'bin', 'postgresql@'),
  ]
  for (const folder of folders) {
    const binaries = postgresIn(folder)
    if (binaries !== undefined && isMajor(binaries, major)) return binaries
  }
  return undefined
}

/** Whether the programs are of the major version; any are when none is asked for. */
export function isMajor({ version }: PostgresBinaries, major: number | undefined): boolean {
  return major === undefined || version.startsWith(`${major}.`)
}

export function postgresIn(folder: string): PostgresBinaries | undefined {
  const initdb = join(folder, 'initdb')
  const postgres = join(folder, 'postgres')
  if (!isExecutable(initdb) || !isExecutable(postgres)) return undefined
  return { initdb, postgres, version: versionOf(postgres, '--version') }
}

export interface PostgresRecipeOptions {
  readonly binaries: PostgresBinaries
  readonly dataDir: string
  readonly port: number
  /** Superuser's password; without it every local connection is trusted, as tests like it. */
  readonly password?: string | undefined
  /** Extra `postgres -c` settings. */
  readonly settings?: Readonly<Record<string, string>> | undefined
}

export function postgresRecipe(options: PostgresRecipeOptions): Recipe {
  const { binaries, dataDir, port, password } = options
  const owner = unprivilegedOwner()
  const login = password === undefined ? 'postgres' : `postgres:${encodeURIComponent(password)}`
  const url = `postgres://${login}@127.0.0.1:${port}/postgres`
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    // No Unix socket: its path has a length limit and leaves a file behind when the server is killed.
    unix_socket_directories: '',
    max_connections: '400',
    // fsync stays on: the crash tests are about what is durable.
    fsync: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...options.settings,
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return {
    kind: 'postgres',
    version: binaries.version,
    url,
    port,
    command: { file: binaries.postgres, args: ['-D', dataDir, ...args], cwd: dataDir, owner },
    companions: [],
    orderlySignal: 'SIGINT',
    fastSignal: 'SIGQUIT',
    // SIGQUIT frees the System V segment that a SIGKILL would leave behind.
    lastSignal: 'QUIT',
    // The backends of a killed postmaster take a moment to notice.
    stillHeld: /lock file "postmaster.pid" already exists|shared memory block .* still in use/,
    prepare: () => initialise({ binaries, dataDir, password, owner }),
    probe: () => pingPostgres(url),
  }
}

async function initialise(o: {
  binaries: PostgresBinaries
  dataDir: string
  password: string | undefined
  owner: Owner | undefined
}): Promise<void> {
  if (existsSync(join(o.dataDir, 'PG_VERSION'))) return
  // Made beside its place and moved there when it is whole: initdb writes PG_VERSION early, so that
  // what a killed one left would pass for a cluster. Nor may a late one still write where we do.
  const made = `${o.dataDir}.${process.pid}.new`
  const passwordFile = `${o.dataDir}.password`
  mkdirSync(made, { recursive: true, mode: 0o700 })
  giveTo(o.owner, made)
  const login =
    o.password === undefined ? ['-A', 'trust'] : ['-A', 'scram-sha-256', '--pwfile', passwordFile]
  try {
    if (o.password !== undefined) {
      writeFileSync(passwordFile, o.password, { mode: 0o600 })
      giveTo(o.owner, passwordFile)
    }
    const basics = ['-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync', '--no-instructions']
    await run(o.binaries.initdb, ['-D', made, ...basics, ...login], { ...o.owner, cwd: made })
    rmSync(o.dataDir, { recursive: true, force: true })
    renameSync(made, o.dataDir)
  } finally {
    rmSync(passwordFile, { force: true })
    rmSync(made, { recursive: true, force: true })
  }
}

/** Resolves when the server at `url` answers a query within two seconds. */
export async function pingPostgres(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 2_000,
    query_timeout: 2_000,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('SELECT 1')
  } finally {
    await client.end().catch(() => undefined)
  }
}
