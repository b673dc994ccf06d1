import { join } from 'node:path'
import {
  freePort,
  startPostgres,
  startRabbitmq,
  startRedis,
  type Server,
  type ServerKind,
} from '@payflow/testkit'
import type { Secrets } from './secrets.ts'

/** A server of the stack: one of ours, or one that was running before. */
export interface StackServer {
  readonly kind: ServerKind
  readonly url: string
  readonly port: number
  /** Undefined when it is not ours to start and stop. */
  readonly own: Server | undefined
}

const variables: Readonly<Record<ServerKind, string>> = {
  postgres: 'PAYFLOW_POSTGRES_URL',
  redis: 'PAYFLOW_REDIS_URL',
  rabbitmq: 'PAYFLOW_RABBITMQ_URL',
}

/** The URL in the environment that replaces a server of our own, if there is one. */
export function externalUrl(kind: ServerKind): string | undefined {
  const url = process.env[variables[kind]]
  return url === undefined || url === '' ? undefined : url
}

export interface OpenServerOptions {
  readonly dir: string
  readonly logs: string
  readonly secrets: Secrets
  /** Never use a server of the environment. */
  readonly ownOnly: boolean
  readonly announce: (line: string) => void
}

const RABBITMQ_USER = 'payflow'

/** Where RabbitMQ will be, known before it is there: what needs it can be started meanwhile. */
export async function rabbitmqAddress(
  ownOnly: boolean,
  secrets: Secrets,
): Promise<{ readonly url: string; readonly port: number }> {
  const external = ownOnly ? undefined : externalUrl('rabbitmq')
  if (external !== undefined) return { url: external, port: Number(new URL(external).port) }
  const port = await freePort()
  return { url: `amqp://${RABBITMQ_USER}:${secrets.rabbitmqPassword}@127.0.0.1:${port}`, port }
}

/** Starts one of the three servers on the data of the folder, or takes the environment's. */
export async function openServer(
  kind: ServerKind,
  options: OpenServerOptions,
  port?: number,
): Promise<StackServer> {
  const external = options.ownOnly ? undefined : externalUrl(kind)
  if (external !== undefined) {
    return { kind, url: external, port: Number(new URL(external).port), own: undefined }
  }
  const common = {
    dataDir: join(options.dir, kind),
    log: join(options.logs, `${kind}.log`),
    announce: options.announce,
    ...(port === undefined ? {} : { port }),
  }
  const { postgresPassword, rabbitmqPassword } = options.secrets
  const own = await {
    postgres: () => startPostgres({ ...common, password: postgresPassword }),
    redis: () => startRedis(common),
    rabbitmq: () => startRabbitmq({ ...common, user: RABBITMQ_USER, password: rabbitmqPassword }),
  }[kind]()
  return { kind, url: own.url, port: own.port, own }
}

/** Starts a server again whenever it dies, until told to stop. */
export class ServerWatch {
  readonly #server: Server
  readonly #onChange: () => void
  readonly #onDeath: (sentence: string) => void
  #watching = true
  #down = false

  constructor(server: Server, onChange: () => void, onDeath: (sentence: string) => void) {
    this.#server = server
    this.#onChange = onChange
    this.#onDeath = onDeath
    void this.#watch()
  }

  /** Kills it and keeps it down until {@link bringBack}. */
  async takeDown(): Promise<void> {
    this.#down = true
    await this.#server.kill()
    this.#onChange()
  }

  /** Starts it again after {@link takeDown}. */
  async bringBack(): Promise<void> {
    await this.#server.start()
    this.#down = false
    this.#onChange()
    void this.#watch()
  }

  get isDown(): boolean {
    return this.#down
  }

  end(): void {
    this.#watching = false
  }

  async #watch(): Promise<void> {
    while (this.#watching) {
      const { code, signal } = await this.#server.exited
      if (!this.#watching || this.#down) return
      this.#onChange()
      this.#onDeath(
        `${this.#server.kind} ended (${signal ?? `exit code ${code}`}); starting it again`,
      )
      try {
        await this.#server.start()
      } catch (error) {
        this.#onDeath(`${this.#server.kind} did not start: ${String(error)}; trying again`)
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
      this.#onChange()
    }
  }
}
