import { existsSync } from 'node:fs'
import { TestkitError } from '../errors.ts'
import { aptInstall, aptRefusal } from './apt.ts'
import { onPath, versionOf } from './binaries.ts'

const toStandardError = (line: string): void => void process.stderr.write(`${line}\n`)

interface Wanted<Found> {
  readonly what: string
  readonly look: () => Found | undefined
  /** Packages of Debian that bring it. */
  readonly packages: readonly string[]
  /** What a person can do. */
  readonly advice: string
}

async function findOrInstall<Found>(
  { what, look, packages, advice }: Wanted<Found>,
  announce: (line: string) => void,
): Promise<Found> {
  const there = look()
  if (there !== undefined) return there
  const refusal = aptRefusal()
  if (refusal === undefined) await aptInstall(packages, announce)
  const found = look()
  if (found !== undefined) return found
  const why = refusal ?? 'apt-get installed it, but not where expected'
  throw new TestkitError('TESTKIT_SERVER_MISSING', `no ${what} found, and ${why}. ${advice}`)
}

/**
 * A Chromium for browser tests: `PAYFLOW_CHROMIUM`, PATH, or Debian's package.
 *
 * @throws {@link TestkitError} `TESTKIT_SERVER_MISSING` when there is none and none may be installed.
 */
export async function findChromium(
  announce: (line: string) => void = toStandardError,
): Promise<{ path: string; version: string }> {
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  const path = await findOrInstall(
    {
      what: 'Chromium',
      look: () =>
        process.env['PAYFLOW_CHROMIUM'] ??
        names.map(onPath).find((candidate) => candidate !== undefined),
      packages: ['chromium'],
      advice: 'Install one, or set PAYFLOW_CHROMIUM to its path.',
    },
    announce,
  )
  return { path, version: versionOf(path, '--version') }
}

/**
 * docker-compose, which reads a Compose file without a Docker engine: PATH, or Debian's package.
 *
 * @throws {@link TestkitError} `TESTKIT_SERVER_MISSING` when there is none and none may be installed.
 */
export function findDockerCompose(
  announce: (line: string) => void = toStandardError,
): Promise<string> {
  return findOrInstall(
    {
      what: 'docker-compose',
      look: () => onPath('docker-compose'),
      packages: ['docker-compose'],
      advice: 'Install it (on Debian: apt-get install docker-compose).',
    },
    announce,
  )
}

/** Prometheus, and the tool that checks what it is told. */
export interface PrometheusPrograms {
  readonly prometheus: string
  readonly promtool: string
  readonly version: string
}

/**
 * Prometheus and promtool: PATH, or Debian's package, which is built without the discovery of
 * Kubernetes.
 *
 * @throws {@link TestkitError} `TESTKIT_SERVER_MISSING` when one is missing and may not be installed.
 */
export async function findPrometheus(
  announce: (line: string) => void = toStandardError,
): Promise<PrometheusPrograms> {
  const found = await findOrInstall(
    {
      what: 'Prometheus with promtool',
      look: () => {
        const [prometheus, promtool] = [onPath('prometheus'), onPath('promtool')]
        return prometheus === undefined || promtool === undefined
          ? undefined
          : { prometheus, promtool }
      },
      packages: ['prometheus'],
      advice: 'Install it (https://prometheus.io; on Debian: apt-get install prometheus).',
    },
    announce,
  )
  return { ...found, version: versionOf(found.promtool, '--version') }
}

/** The model checker, and the compiler for what it generates. */
export interface Spin {
  readonly spin: string
  readonly gcc: string
  readonly version: string
}

/**
 * Spin and gcc for the specification: PATH, or Debian's packages.
 *
 * @throws {@link TestkitError} `TESTKIT_SERVER_MISSING` when one is missing and may not be installed.
 */
export async function findSpin(announce: (line: string) => void = toStandardError): Promise<Spin> {
  const { spin, gcc } = await findOrInstall(
    {
      what: missingForSpin().join(', no '),
      look: lookForSpin,
      packages: ['spin', 'gcc', 'libc6-dev'],
      advice: 'Install Spin (https://spinroot.com; on Debian: apt-get install spin gcc libc6-dev).',
    },
    announce,
  )
  return { spin, gcc, version: versionOf(spin, '-V') }
}

function lookForSpin(): { spin: string; gcc: string } | undefined {
  const spin = onPath('spin')
  const gcc = onPath('gcc')
  return spin === undefined || gcc === undefined || !hasHeaders() ? undefined : { spin, gcc }
}

function missingForSpin(): string[] {
  return [
    ...['spin', 'gcc'].filter((program) => onPath(program) === undefined),
    ...(hasHeaders() ? [] : ['headers of the C library']),
  ]
}

/** Debian's gcc comes without the headers of the C library, which generated programs include. */
function hasHeaders(): boolean {
  return process.platform !== 'linux' || existsSync('/usr/include/stdio.h')
}
