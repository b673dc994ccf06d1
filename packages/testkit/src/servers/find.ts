import { aptInstall, aptRefusal } from './apt.ts'
import { dockerRefusal } from './docker.ts'
import { findEmbeddedPostgres } from './embedded-postgres.ts'
import { debianPackage, missingPostgres, missingServers } from './missing-servers.ts'
import { findPostgres, isMajor, type PostgresBinaries } from './postgres.ts'
import { findRabbitmq, type RabbitmqBinaries } from './rabbitmq.ts'
import { findRedis, type RedisBinaries } from './redis.ts'
import type { ServerKind } from './server.ts'

const toStandardError = (line: string): void => void process.stderr.write(`${line}\n`)

export interface Binaries {
  readonly postgres: PostgresBinaries
  readonly redis: RedisBinaries
  readonly rabbitmq: RabbitmqBinaries
}

/** Where a server will come from: programs on this machine, or a container. */
export type Source<K extends ServerKind> =
  | { readonly from: 'binaries'; readonly binaries: Binaries[K] }
  | { readonly from: 'docker' }

const finders: { [K in ServerKind]: () => Binaries[K] | undefined } = {
  postgres: () => findPostgres() ?? findEmbeddedPostgres(),
  redis: findRedis,
  rabbitmq: findRabbitmq,
}

/**
 * Makes sure that each kind of server can be started, installing what is missing in one go where that is
 * allowed. Call it with all kinds that will be needed, before starting them side by side.
 *
 * @throws {@link TestkitError} `TESTKIT_SERVER_MISSING` with the command to run on this system.
 */
export async function ensureServers(
  kinds: readonly ServerKind[],
  announce: (line: string) => void = toStandardError,
): Promise<void> {
  const missing = kinds.filter((kind) => finders[kind]() === undefined)
  if (missing.length === 0) return
  const docker = await dockerRefusal()
  if (docker === undefined) return
  const refusal = aptRefusal()
  const packages = missing.map((kind) => debianPackage[kind])
  if (refusal !== undefined) throw missingServers(missing, docker, refusal)
  try {
    await aptInstall(packages, announce)
  } catch (error) {
    throw missingServers(missing, docker, (error as Error).message)
  }
  const still = kinds.filter((kind) => finders[kind]() === undefined)
  if (still.length > 0)
    throw missingServers(still, docker, 'apt-get installed them, but not where expected')
}

/** {@link ensureServers} for one kind, and where it comes from. */
export async function findServer<K extends ServerKind>(
  kind: K,
  announce?: (line: string) => void,
): Promise<Source<K>> {
  await ensureServers([kind], announce)
  const binaries = finders[kind]()
  return binaries === undefined ? { from: 'docker' } : { from: 'binaries', binaries }
}

/**
 * A PostgreSQL of one major version: this machine's, that of the npm package, or a container.
 *
 * @throws {@link TestkitError} `TESTKIT_SERVER_MISSING`: nothing is installed for it.
 */
export async function findPostgresOf(major: number): Promise<Source<'postgres'>> {
  const embedded = findEmbeddedPostgres()
  const fitting = embedded !== undefined && isMajor(embedded, major) ? embedded : undefined
  const binaries = findPostgres(major) ?? fitting
  if (binaries !== undefined) return { from: 'binaries', binaries }
  const docker = await dockerRefusal()
  if (docker === undefined) return { from: 'docker' }
  throw missingPostgres(major, docker)
}

/** A server that is there already, or why not; installs nothing. For `preflight`. */
export function lookForServer(kind: ServerKind): { version: string; where: string } | undefined {
  const found = finders[kind]()
  if (found === undefined) return undefined
  if ('postgres' in found) return { version: found.version, where: found.postgres }
  if ('sbin' in found) return { version: found.version, where: found.sbin }
  return { version: found.version, where: found.server }
}
