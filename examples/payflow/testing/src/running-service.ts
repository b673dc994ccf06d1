import { freePort, spawnChild, waitFor, type Child } from '@payflow/testkit'

/** The services, by folder name. */
export type TestedService = 'auth' | 'wallet' | 'transaction' | 'notification'

/** A service as its own process, on a port of its own that it keeps when it is started again. */
export class RunningService implements AsyncDisposable {
  readonly url: string
  readonly #name: TestedService
  readonly #env: Readonly<Record<string, string>>
  #child: Child | undefined

  private constructor(name: TestedService, port: number, env: Readonly<Record<string, string>>) {
    this.#name = name
    this.url = `http://127.0.0.1:${port}`
    this.#env = { NODE_ENV: 'test', PAYFLOW_PROBES: '1', ...env, PORT: String(port) }
  }

  /** Starts the service and waits until it answers. */
  static async start(
    name: TestedService,
    env: Readonly<Record<string, string>>,
  ): Promise<RunningService> {
    const service = new RunningService(name, await freePort(), env)
    await service.start()
    return service
  }

  /** The process. Changes with every start. */
  get child(): Child {
    if (!this.#child) throw new Error(`${this.#name} is not running`)
    return this.#child
  }

  /** Starts it (again) and waits until it answers. */
  async start(): Promise<void> {
    const entry = new URL(`../../services/${this.#name}/src/main.ts`, import.meta.url)
    const child = await spawnChild(entry, { env: this.#env })
    this.#child = child
    await waitFor(async () => (await fetch(`${this.url}/health/live`)).ok, {
      timeoutMs: 120_000,
      message: () => `${this.#name} to answer\n${child.stdout()}\n${child.stderr()}`,
    })
  }

  /** Kills it with SIGKILL and starts it again. */
  async restart(): Promise<void> {
    await this.child.kill()
    await this.start()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child?.kill()
  }
}
