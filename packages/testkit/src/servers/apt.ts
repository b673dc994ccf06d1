import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../processes/folders.ts'
import { spawnOwned, type ExitInfo } from '../processes/owned-process.ts'
import { isExecutable } from './binaries.ts'

const POLICY = '/usr/sbin/policy-rc.d'
/** Test files are processes of their own, and apt waits for only one of its four locks. */
const LOCK = '/run/lock/payflow-apt'

/** Why {@link aptInstall} can't be used here, or undefined when it can. */
export function aptRefusal(): string | undefined {
  if (process.env['PAYFLOW_NO_INSTALL'] === '1') return 'PAYFLOW_NO_INSTALL=1 forbids installing'
  if (!isExecutable('/usr/bin/apt-get')) return 'this is neither Debian nor Ubuntu'
  if (process.getuid?.() !== 0) return 'installing needs root'
  return undefined
}

let lastRun: Promise<void> = Promise.resolve()

/**
 * Installs distribution packages, one run of apt at a time on the whole machine, announced first. No
 * service is started, and none is left enabled for the next boot.
 */
export function aptInstall(
  packages: readonly string[],
  announce: (line: string) => void,
): Promise<void> {
  const run = lastRun.then(() => install(packages, announce))
  lastRun = run.catch(() => undefined)
  return run
}

/**
 * Resolves when no package is being unpacked or configured. Who ends before that leaves a half
 * installed package, and the next installation fails until a person has repaired it.
 */
export async function aptFinished(): Promise<void> {
  await unpacking
}

let unpacking: Promise<void> | undefined

async function install(
  packages: readonly string[],
  announce: (line: string) => void,
): Promise<void> {
  announce(`installing ${packages.join(' ')} with apt-get (PAYFLOW_NO_INSTALL=1 forbids it)`)
  const progress = new Progress(announce)
  const choice = ['--yes', '--no-install-recommends', ...packages]
  try {
    progress.phase = 'reading the package lists'
    // One unreachable third-party source fails an update; what we need may be known all the same.
    await run(alone(apt('update')), progress).catch((error: Error) => announce(error.message))
    progress.phase = 'downloading'
    await run(alone(apt('install', '--download-only', ...choice)), progress)
    progress.phase = 'unpacking'
    const command = alone(withoutServices(apt('install', ...choice)))
    const unpacked = run(command, progress, 'to the end')
    unpacking = unpacked.catch(() => undefined)
    await unpacked
    if (existsSync('/run/systemd/system')) {
      await run(['systemctl', 'disable', '--quiet', ...packages], progress).catch(() => undefined)
    }
  } finally {
    unpacking = undefined
    progress.end()
  }
}

function apt(verb: string, ...args: readonly string[]): string[] {
  return ['apt-get', '--quiet', '--option', 'DPkg::Lock::Timeout=120', verb, ...args]
}

// Not a process in between: a signal for the command reaches the command.
function alone(command: readonly string[]): string[] {
  return ['flock', '--no-fork', LOCK, ...command]
}

// Debian's maintainer scripts ask this file whether they may start a service; 101 means no. A shell
// puts it there and takes it away, because it must be taken away even when we are killed meanwhile.
function withoutServices(command: readonly string[]): string[] {
  const script = `trap '' INT TERM HUP
if [ -e ${POLICY} ]; then exec "$@"; fi
printf '#!/bin/sh\\nexit 101\\n' >${POLICY} && chmod 755 ${POLICY}
"$@"
status=$?
rm -f ${POLICY}
exit $status`
  return ['/bin/sh', '-c', script, 'sh', ...command]
}

/** Says every two seconds what apt is at, in its own words where they are short. */
class Progress {
  phase = ''
  log: string | undefined
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout

  constructor(announce: (line: string) => void) {
    this.#timer = setInterval(() => {
      const seconds = Math.round((performance.now() - this.#startedAt) / 1_000)
      announce(`${this.#last() ?? this.phase} (${seconds} s)`)
    }, 2_000)
  }

  #last(): string | undefined {
    if (this.log === undefined) return undefined
    const steps = readFileSync(this.log, 'utf8').matchAll(/^(Unpacking|Setting up) ([^\s:]+)/gm)
    const last = [...steps].at(-1)
    return last === undefined ? undefined : `${last[1]?.toLowerCase()} ${last[2]}`
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

/**
 * Runs a command of the package manager. It ends with this process, by whatever means, unless it is
 * to run `to the end`: then neither a Ctrl-C nor the end of this process interrupts it.
 */
async function run(
  [file = '', ...args]: readonly string[],
  progress: Progress,
  fate: 'with us' | 'to the end' = 'with us',
): Promise<void> {
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const folder = temporaryFolder('apt')
  const log = join(folder, 'output')
  // A file and not a pipe: a pipe would break, and the installation with it, when we are killed.
  const output = openSync(log, 'a')
  const stdio: StdioOptions = ['ignore', output, output]
  progress.log = log
  try {
    const { exited } =
      fate === 'with us'
        ? await spawnOwned(file, { args, env, stdio, lastSignal: 'TERM' })
        : { exited: exitOf(spawn(file, args, { env, stdio, detached: true })) }
    const { code, signal } = await exited
    if (code === 0) return
    throw new Error(
      `${file} ended with ${code ?? signal}: ${complaints(readFileSync(log, 'utf8'))}`,
    )
  } finally {
    progress.log = undefined
    closeSync(output)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What apt gives as its reasons, without the forty packages that share one; else its last lines. */
function complaints(output: string): string {
  const lines = output.trimEnd().split('\n')
  const errors = lines.filter((line) => line.startsWith('E: '))
  return errors.length > 0 ? errors.slice(0, 3).join('\n') : lines.slice(-10).join('\n')
}

function exitOf(child: ChildProcess): Promise<ExitInfo> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}
