import type { LastSignal } from '../processes/guardian.ts'
import type { Owner } from '../processes/unprivileged-user.ts'
import type { ServerKind } from './server.ts'

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly owner?: Owner | undefined
}

/** A command that listens on `listensOn` before the server proper may be started. */
export interface Companion extends Command {
  readonly listensOn: number
}

/** What one kind of server needs to run as a private process; the lifecycle is common to all kinds. */
export interface Recipe {
  readonly kind: ServerKind
  readonly version: string
  readonly url: string
  readonly port: number
  /** Where the port is. @defaultValue 127.0.0.1 */
  readonly host?: string
  readonly command: Command
  /** Processes the server would otherwise start by itself and leave behind; run beside it. */
  readonly companions: readonly Companion[]
  /** Asks for an end that keeps the data tidy. */
  readonly orderlySignal: 'SIGINT' | 'SIGTERM'
  /** Asks for an end as fast as possible, when the data are thrown away. */
  readonly fastSignal: 'SIGQUIT' | 'SIGKILL'
  readonly lastSignal: LastSignal
  /** What it prints when a predecessor that was killed still holds the data; worth another try. */
  readonly stillHeld?: RegExp
  /** Before every start: writes configuration, and the data folder if there is none yet. */
  prepare(): Promise<void>
  /** Resolves when the server answers a real request; rejects while it does not. */
  probe(): Promise<void>
}
