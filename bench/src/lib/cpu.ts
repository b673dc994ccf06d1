import { readFileSync } from 'node:fs'
import { processTree } from '@payflow/testkit'

// What Linux counts processor time in, on every architecture that Node runs on.
const TICKS_PER_SECOND = 100

/**
 * Processor seconds that these processes have used, with those of their children that have ended;
 * undefined where /proc does not tell.
 */
export function cpuSeconds(pids: readonly number[]): number | undefined {
  if (process.platform !== 'linux' || pids.includes(0)) return undefined
  return pids.reduce((sum, pid) => sum + ticksOf(pid), 0) / TICKS_PER_SECOND
}

/** The same of a server with everything it started. */
export const serverCpuSeconds = (pid: number): number | undefined =>
  pid === 0 ? undefined : cpuSeconds(processTree(pid))

function ticksOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // After the name, which may hold anything: user and system time are the 12th and 13th, and those
    // of children that ended, as a server's do whose connections come and go, the two after them.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
