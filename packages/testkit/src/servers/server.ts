import type { ExitInfo } from '../processes/owned-process.ts'

export type ServerKind = 'postgres' | 'redis' | 'rabbitmq'

/** How a server is brought up. Everything has a default; see the start functions for what they add. */
export interface ServerOptions {
  /**
   * Keep the data in this folder and start again on what is there. Without it the data are temporary and
   * removed by {@link Server.stop}, or by the guardian when this process dies.
   */
  readonly dataDir?: string
  /** File that the server's output is appended to. @defaultValue `server.log` beside the data */
  readonly log?: string
  /** Name in messages and logs. @defaultValue the kind */
  readonly name?: string
  /** Loopback port. @defaultValue a free one from 20000–32000 */
  readonly port?: number
  /** Give up on a start after this many milliseconds. @defaultValue 90000 */
  readonly startTimeoutMs?: number
  /** Called with a line when something slow or unusual happens (an installation, say). */
  readonly announce?: (line: string) => void
}

/** A real server on the loopback interface that a test may treat as badly as it likes. */
export interface Server extends AsyncDisposable {
  readonly kind: ServerKind
  readonly name: string
  readonly url: string
  readonly port: number
  /** Process id of the server proper (0 when it runs in a container or is somebody else's). */
  readonly pid: number
  /** File with the server's output. */
  readonly log: string
  readonly version: string
  /** Settles with the end of the process that runs now; never rejects. */
  readonly exited: Promise<ExitInfo>
  /** SIGKILL for the server and all it started. Resolves when they are gone. Data on disk stay. */
  kill(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void
  /** SIGCONT after {@link freeze}. */
  resume(): void
  /** Starts it again on the same port and data. Resolves when it answers; does nothing if it runs. */
  start(): Promise<void>
  /** An orderly end, then {@link start}. */
  restart(): Promise<void>
  /** Ends it for good, in order if the data are to be kept, and removes temporary data. */
  stop(): Promise<void>
}
