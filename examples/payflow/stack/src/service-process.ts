import { closeSync, openSync } from 'node:fs'
import {
  ProbeLink,
  spawnOwned,
  waitFor,
  type OwnedProcess,
  type ProbeAction,
} from '@payflow/testkit'
import { StackError } from './stack-error.ts'
import { SHUTDOWN_DEADLINE_MS, type ServicePlan } from './plan.ts'

export interface ServiceProcessOptions {
  readonly plan: ServicePlan
  /** File that its output is appended to. */
  readonly log: string
  /** Added to this process's environment and the plan's. */
  readonly env: Readonly<Record<string, string>>
  /** Longest pause before it is started again; it doubles from 200 ms while starts keep failing. */
  readonly restartDelayMaxMs: number
  /** Called whenever another process runs under this name, or none does. */
  readonly onChange: () => void
  /** Called with a sentence when it died by itself. */
  readonly onDeath: (sentence: string) => void
}

interface ReadyBody {
  readonly checks: Readonly<Record<string, { readonly status: string }>>
}

const RESTART_FIRST_MS = 200
/** Who has lived this long did not die of its start. */
const SETTLED_AFTER_MS = 10_000

/** One process of PayFlow, started again whenever it dies. */
export class ServiceProcess {
  readonly plan: ServicePlan
  readonly log: string
  readonly #options: ServiceProcessOptions
  #owned: OwnedProcess | undefined
  #spawning: Promise<void> | undefined
  #link: ProbeLink | undefined
  #restarts = true
  #stopping = false
  #failures = 0
  #armsOfNext: Parameters<ProbeLink['arm']>[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(options: ServiceProcessOptions) {
    this.#options = options
    this.plan = options.plan
    this.log = options.log
  }

  /** 0 while it is down. */
  get pid(): number {
    return this.#owned?.pid ?? 0
  }

  get url(): string {
    return `http://127.0.0.1:${this.plan.port}`
  }

  /** Starts it, unless it runs. Resolves when the process exists. */
  async start({ restart = true }: { readonly restart?: boolean } = {}): Promise<void> {
    clearTimeout(this.#timer)
    this.#restarts = restart
    if (this.#owned !== undefined || this.#stopping) return
    this.#spawning ??= this.#spawn().finally(() => (this.#spawning = undefined))
    await this.#spawning
  }

  async #spawn(): Promise<void> {
    const log = openSync(this.log, 'a')
    const startedAt = performance.now()
    const owned = await spawnOwned(process.execPath, {
      args: ['--conditions=@payflow/source', this.plan.entry],
      env: this.#environment(),
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    this.#owned = owned
    this.#link = new ProbeLink(
      owned.process,
      owned.exited,
      () => new StackError('STACK_SERVICE_ENDED', `${this.plan.name} has ended; see ${this.log}`),
    )
    this.#armNext()
    void owned.exited.then(({ code, signal }) => {
      this.#owned = undefined
      this.#options.onChange()
      if (!this.#restarts || this.#stopping) return
      if (performance.now() - startedAt > SETTLED_AFTER_MS) this.#failures = 0
      const delayMs = Math.min(
        RESTART_FIRST_MS * 2 ** this.#failures,
        this.#options.restartDelayMaxMs,
      )
      this.#failures += 1
      this.#options.onDeath(
        `${this.plan.name} ended (${signal ?? `exit code ${code}`}); starting it again`,
      )
      this.#timer = setTimeout(() => void this.start(), delayMs)
    })
    this.#options.onChange()
  }

  /** Resolves when `/health/ready` answers 200. */
  async ready(timeoutMs: number): Promise<void> {
    await this.#answers('/health/ready', timeoutMs)
  }

  /** Resolves when it reaches everything it talks to, also what it can do without for a while. */
  async complete(timeoutMs: number): Promise<void> {
    await this.#answers('/health/ready', timeoutMs, (body) =>
      Object.values((body as ReadyBody).checks).every(({ status }) => status === 'up'),
    )
  }

  /** Resolves when the process answers at all, ready or not. */
  async live(timeoutMs: number): Promise<void> {
    await this.#answers('/health/live', timeoutMs)
  }

  async #answers(
    path: string,
    timeoutMs: number,
    isRight: (body: unknown) => boolean = () => true,
  ): Promise<void> {
    await waitFor(
      async () => {
        const response = await fetch(this.url + path, { signal: AbortSignal.timeout(2_000) })
        const body: unknown = await response.json()
        return response.ok && isRight(body)
      },
      {
        timeoutMs,
        intervalMs: 50,
        message: `${this.plan.name} to answer ${path} (its log: ${this.log})`,
      },
    )
  }

  /** Sends a signal; it is started again when it dies of it. Resolves when it has, for SIGKILL. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const owned = this.#owned
    if (owned === undefined) return
    owned.process.kill(signal)
    if (signal === 'SIGKILL') await owned.exited
  }

  /** Ends it in order, or by force after the deadline, and keeps it down until {@link start}. */
  async halt(deadlineMs = SHUTDOWN_DEADLINE_MS + 1_000): Promise<void> {
    this.#restarts = false
    clearTimeout(this.#timer)
    await this.#spawning
    const owned = this.#owned
    if (owned === undefined) return
    owned.process.kill('SIGCONT')
    owned.process.kill('SIGTERM')
    const late = setTimeout(() => owned.process.kill('SIGKILL'), deadlineMs)
    await owned.exited
    clearTimeout(late)
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.halt()
  }

  /** See testkit's `Child.arm`. While it is down, arms the process that is started next. */
  async arm(probe: string, action: ProbeAction, skip = 0, only?: unknown): Promise<void> {
    if (this.#owned === undefined) this.#armsOfNext.push([probe, action, skip, only])
    else await this.#probes().arm(probe, action, skip, only)
  }

  go(probe: string): void {
    this.#probes().go(probe)
  }

  reached(probe: string, timeoutMs = 60_000): Promise<unknown> {
    return this.#probes().reached(probe, { timeoutMs })
  }

  /** What is written to the channel now is read before the process has connected to anything. */
  #armNext(): void {
    for (const order of this.#armsOfNext.splice(0)) {
      // A process that ends before it answers was not armed; its end is seen elsewhere.
      this.#probes()
        .arm(...order)
        .catch(() => undefined)
    }
  }

  #probes(): ProbeLink {
    if (this.#link === undefined || this.#owned === undefined) {
      throw new StackError('STACK_SERVICE_ENDED', `${this.plan.name} is not running`)
    }
    return this.#link
  }

  #environment(): NodeJS.ProcessEnv {
    const env: NodeJS.ProcessEnv = {
      NODE_ENV: 'development',
      PAYFLOW_PROBES: '1',
      ...process.env,
    }
    // A test runner's own settings are not for the programs under test.
    if (env['NODE_ENV'] === 'test') env['NODE_ENV'] = 'development'
    delete env['NODE_OPTIONS']
    delete env['NODE_V8_COVERAGE']
    return { ...env, ...this.plan.env, ...this.#options.env }
  }
}
