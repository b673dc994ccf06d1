import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isAlive } from '@payflow/testkit'
import { StackError } from './stack-error.ts'

// What a supervisor that was killed leaves, and what is wrong from then on.
const OF_A_RUN = ['stack.json', 'control.json']

/**
 * Makes this process the only one that runs a stack in the folder; returns how to give it up. A
 * claim of a process that is gone counts for nothing.
 *
 * @throws {@link StackError} `STACK_RUNNING` when a living process has it, this one included.
 */
export function claimFolder(dir: string): () => void {
  const file = join(dir, 'supervisor.pid')
  const claim = `${process.pid} ${birthOf(process.pid) ?? ''}\n`
  while (!isWritten(file, claim)) {
    const holder = folderHolder(dir)
    if (holder !== undefined) {
      throw new StackError(
        'STACK_RUNNING',
        `PayFlow is running already (process ${holder}); stop it with Ctrl-C there first`,
      )
    }
    rmSync(file, { force: true })
  }
  for (const name of OF_A_RUN) rmSync(join(dir, name), { force: true })
  let held = true
  return () => {
    // Given up twice, it could by then be another stack's.
    if (held) rmSync(file, { force: true })
    held = false
  }
}

/** The process that runs a stack in the folder, if there is one. */
export function folderHolder(dir: string): number | undefined {
  const file = join(dir, 'supervisor.pid')
  if (!existsSync(file)) return undefined
  const [, number = '', birth] = /^(\d+) (.+)$/m.exec(readFileSync(file, 'utf8')) ?? []
  const pid = Number(number)
  // A process number comes back after a reboot, and at once in a container that is started again:
  // the claim is only good together with the moment at which its process was born.
  return pid > 0 && isAlive(pid) && birthOf(pid) === birth ? pid : undefined
}

function isWritten(file: string, claim: string): boolean {
  try {
    writeFileSync(file, claim, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** When the process began, in a form that no other process of this number shares. */
function birthOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Field 22, counted from behind the command, which may itself hold spaces and brackets.
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}-${ticks}`
  } catch {
    return undefined
  }
}
