import { readFileSync } from 'node:fs'
import { processTree } from '@payflow/testkit'

// What Linux counts processor time in, on every architecture that Node runs on.
const TICKS_PER_SECOND = 100

/** Processor seconds that these processes have used; undefined where /proc does not tell. */
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
    // After the name, which may hold anything: user and system time are the 12th and 13th.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
