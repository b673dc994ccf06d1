import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { guard, unguard, type LastSignal } from './guardian.ts'

/** How a process ended. Exactly one of the two is set. */
export interface ExitInfo {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface OwnedProcessOptions {
  readonly args: readonly string[]
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly stdio: StdioOptions
  /** Run as this user; only root may ask for it. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined
  /** What the guardian sends first when this process dies. @defaultValue 'KILL' */
  readonly lastSignal?: LastSignal
}

export interface OwnedProcess {
  readonly process: ChildProcess
  readonly pid: number
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<ExitInfo>
}

/**
 * Starts a process in its own session and process group that can't outlive this one: the guardian ends it
 * even when this process is killed. Resolves once the process exists; its readiness is another matter.
 */
export async function spawnOwned(
  command: string,
  options: OwnedProcessOptions,
): Promise<OwnedProcess> {
  const child = spawn(command, options.args, {
    detached: true,
    stdio: options.stdio,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.owner === undefined ? {} : options.owner),
  })
  const pid = child.pid
  if (pid !== undefined) guard(pid, options.lastSignal ?? 'KILL')
  const exited = new Promise<ExitInfo>((resolve) => {
    child.once('exit', (code, signal) => {
      if (pid !== undefined) unguard(pid)
      resolve({ code, signal })
    })
  })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  child.on('error', () => undefined)
  return { process: child, pid: pid as number, exited }
}
