import { spawn } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { isExecutable } from './binaries.ts'

const POLICY = '/usr/sbin/policy-rc.d'

/** Why {@link aptInstall} can't be used here, or undefined when it can. */
export function aptRefusal(): string | undefined {
  if (process.env['PAYFLOW_NO_INSTALL'] === '1') return 'PAYFLOW_NO_INSTALL=1 forbids installing'
  if (!isExecutable('/usr/bin/apt-get')) return 'this is neither Debian nor Ubuntu'
  if (process.getuid?.() !== 0) return 'installing needs root'
  return undefined
}

let lastRun: Promise<void> = Promise.resolve()

/**
 * Installs distribution packages, one run of apt at a time, announced first. No service is started, and
 * none is left enabled for the next boot.
 */
export function aptInstall(
  packages: readonly string[],
  announce: (line: string) => void,
): Promise<void> {
  const run = lastRun.then(() => install(packages, announce))
  lastRun = run.catch(() => undefined)
  return run
}

async function install(
  packages: readonly string[],
  announce: (line: string) => void,
): Promise<void> {
  announce(`installing ${packages.join(' ')} with apt-get (PAYFLOW_NO_INSTALL=1 forbids it)`)
  const withoutServices = forbidServices()
  try {
    // One unreachable third-party source fails an update; what we need may be known all the same.
    await apt(['update']).catch((error: Error) => announce(error.message))
    await apt(['install', '--yes', '--no-install-recommends', ...packages])
    if (existsSync('/run/systemd/system')) {
      await run('systemctl', ['disable', '--quiet', ...packages]).catch(() => undefined)
    }
  } finally {
    withoutServices()
  }
}

// Debian's maintainer scripts ask this file whether they may start a service; 101 means no.
function forbidServices(): () => void {
  if (existsSync(POLICY)) return () => undefined
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rmSync(POLICY, { force: true })
}

function apt(args: readonly string[]): Promise<void> {
  return run('apt-get', ['--quiet', '--option', 'DPkg::Lock::Timeout=120', ...args])
}

function run(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4_000)))
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${file} ${args.join(' ')} ended with ${code}:\n${output.trimEnd()}`))
    })
  })
}
