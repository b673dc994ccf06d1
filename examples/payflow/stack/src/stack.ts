import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ProbeAction, ServerKind } from '@payflow/testkit'
import type { Control } from './control.ts'
import { databaseUrl, type DatabaseName, type ServiceName, type ServicePlan } from './plan.ts'
import type { Secrets } from './secrets.ts'
import { ServerWatch, type StackServer } from './servers.ts'
import { ServiceProcess } from './service-process.ts'
import { StackFile, type StackEntry } from './stack-file.ts'

/** What a person at the supervisor's terminal, a test or the story may do to a running stack. */
export interface StackControls {
  /** Ends a process with a signal; the supervisor starts it again. @defaultValue SIGKILL */
  kill(name: ServiceName, signal?: NodeJS.Signals): Promise<void>
  /** Ends a process in order and keeps it down until {@link startService}. */
  stopService(name: ServiceName): Promise<void>
  /**
   * Resolves when it answers.
   * @param options - `restart: false` leaves it down when it dies
   */
  startService(name: ServiceName, options?: { readonly restart?: boolean }): Promise<void>
  /** SIGSTOP and SIGCONT. */
  freeze(name: ServiceName): Promise<void>
  resume(name: ServiceName): Promise<void>
  /**
   * Makes a process die, stop or report when it passes a named probe; one that is down, when it has
   * been started. With `only`, passes with another detail do not count.
   */
  arm(
    name: ServiceName,
    probe: string,
    action: ProbeAction,
    skip?: number,
    only?: unknown,
  ): Promise<void>
  /** Kills a server and keeps it down until {@link startServer}. */
  killServer(kind: ServerKind): Promise<void>
  startServer(kind: ServerKind): Promise<void>
}

/** A running PayFlow. */
export interface Stack extends StackControls, AsyncDisposable {
  /** The gateway: page and API. */
  readonly url: string
  readonly dir: string
  readonly stackFile: string
  /** 0 while it is down. */
  pid(name: ServiceName): number
  serviceUrl(name: ServiceName): string
  /** The file with a process's output. */
  log(name: ServiceName): string
  server(kind: ServerKind): StackServer
  /** One service's database, with that service's role. */
  databaseUrl(name: DatabaseName): string
  /** One service's database, for an auditor who may read everything. */
  adminUrl(name: DatabaseName): string
  /** Resolves when a process passed an armed probe. */
  reached(name: ServiceName, probe: string, timeoutMs?: number): Promise<unknown>
  /** Lets a process that stopped at a probe go on. */
  go(name: ServiceName, probe: string): void
  /** Resolves when every process is ready. */
  ready(timeoutMs?: number): Promise<void>
  /** What `stack.json` says. */
  entries(): StackEntry[]
  /** Ends everything in order. Nothing is left behind but the data of a named folder. */
  stop(): Promise<void>
}

export interface RunningStackOptions {
  readonly dir: string
  readonly temporary: boolean
  readonly logs: string
  readonly secrets: Secrets
  readonly servers: readonly StackServer[]
  readonly plans: readonly ServicePlan[]
  readonly env: Readonly<Partial<Record<ServiceName | 'all', Readonly<Record<string, string>>>>>
  readonly restartDelayMaxMs: number
  readonly onDeath: (sentence: string) => void
  readonly release: () => void
}

export class RunningStack implements Stack {
  control: Control | undefined
  readonly dir: string
  readonly #options: RunningStackOptions
  readonly #services = new Map<ServiceName, ServiceProcess>()
  readonly #servers = new Map<ServerKind, StackServer>()
  readonly #watches = new Map<ServerKind, ServerWatch>()
  readonly #file: StackFile
  #stopped: Promise<void> | undefined

  constructor(options: RunningStackOptions) {
    this.#options = options
    this.dir = options.dir
    this.#file = new StackFile(options.dir)
    const onChange = () => this.#write()
    const { onDeath, restartDelayMaxMs } = options
    for (const plan of options.plans) {
      const env = { ...options.env.all, ...options.env[plan.name] }
      const log = join(options.logs, `${plan.name}.log`)
      this.#services.set(
        plan.name,
        new ServiceProcess({ plan, log, env, restartDelayMaxMs, onChange, onDeath }),
      )
    }
    for (const server of options.servers) this.adopt(server)
  }

  /** Takes a server in that is there by now, and watches over it from here on. */
  adopt(server: StackServer): void {
    this.#servers.set(server.kind, server)
    if (server.own === undefined) return
    const onChange = () => this.#write()
    this.#watches.set(server.kind, new ServerWatch(server.own, onChange, this.#options.onDeath))
  }

  get url(): string {
    return this.serviceUrl('gateway')
  }

  get stackFile(): string {
    return this.#file.path
  }

  /** Starts those processes that are not running and whose plan the filter accepts. */
  async startServices(filter: (plan: ServicePlan) => boolean = () => true): Promise<void> {
    const services = [...this.#services.values()].filter(({ plan }) => filter(plan))
    await Promise.all(services.map((service) => service.start()))
  }

  /** Resolves when every process reaches everything it talks to. */
  async complete(timeoutMs: number): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.complete(timeoutMs)))
    this.#write()
  }

  async ready(timeoutMs = 120_000): Promise<void> {
    await Promise.all([...this.#services.values()].map((service) => service.ready(timeoutMs)))
    this.#write()
  }

  pid(name: ServiceName): number {
    return this.#service(name).pid
  }

  serviceUrl(name: ServiceName): string {
    return this.#service(name).url
  }

  log(name: ServiceName): string {
    return this.#service(name).log
  }

  server(kind: ServerKind): StackServer {
    const server = this.#servers.get(kind)
    if (server === undefined) throw new RangeError(`there is no ${kind} yet`)
    return server
  }

  databaseUrl(name: DatabaseName): string {
    return databaseUrl(this.server('postgres').url, name, this.#options.secrets)
  }

  adminUrl(name: DatabaseName): string {
    const url = new URL(this.server('postgres').url)
    url.pathname = `/payflow_${name}`
    return url.href
  }

  kill(name: ServiceName, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    return this.#service(name).kill(signal)
  }

  stopService(name: ServiceName): Promise<void> {
    return this.#service(name).halt()
  }

  async startService(
    name: ServiceName,
    options: { readonly restart?: boolean } = {},
  ): Promise<void> {
    await this.#service(name).start(options)
    await this.#service(name).live(120_000)
  }

  freeze(name: ServiceName): Promise<void> {
    return this.#service(name).kill('SIGSTOP')
  }

  resume(name: ServiceName): Promise<void> {
    return this.#service(name).kill('SIGCONT')
  }

  arm(
    name: ServiceName,
    probe: string,
    action: ProbeAction,
    skip = 0,
    only?: unknown,
  ): Promise<void> {
    return this.#service(name).arm(probe, action, skip, only)
  }

  reached(name: ServiceName, probe: string, timeoutMs?: number): Promise<unknown> {
    return this.#service(name).reached(probe, timeoutMs)
  }

  go(name: ServiceName, probe: string): void {
    this.#service(name).go(probe)
  }

  async killServer(kind: ServerKind): Promise<void> {
    await this.#watch(kind).takeDown()
  }

  async startServer(kind: ServerKind): Promise<void> {
    await this.#watch(kind).bringBack()
  }

  entries(): StackEntry[] {
    const services = [...this.#services.values()].map((service): StackEntry => ({
      name: service.plan.name,
      kind: 'service',
      pid: service.pid,
      port: service.plan.port,
      url: service.url,
      log: service.log,
      restart: 'supervisor',
    }))
    const servers = [...this.#servers.values()].map(({ kind, url, port, own }): StackEntry => ({
      name: kind,
      kind,
      pid: own === undefined || this.#watches.get(kind)?.isDown === true ? 0 : own.pid,
      port,
      url,
      log: own?.log ?? '',
      restart: 'supervisor',
    }))
    return [...services, ...servers]
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #stop(): Promise<void> {
    await this.control?.close()
    // Services first, all at once: each finishes what it has begun while the servers still run.
    await Promise.all([...this.#services.values()].map((service) => service.stop()))
    for (const watch of this.#watches.values()) watch.end()
    const servers = [...this.#servers.values()]
    await Promise.allSettled(servers.flatMap(({ own }) => (own ? [own.stop()] : [])))
    this.#file.remove()
    this.#options.release()
    if (this.#options.temporary) rmSync(this.dir, { recursive: true, force: true })
  }

  #write(): void {
    if (this.#stopped === undefined) this.#file.write(this.entries())
  }

  #service(name: ServiceName): ServiceProcess {
    const service = this.#services.get(name)
    if (service === undefined) throw new RangeError(`there is no service ${String(name)}`)
    return service
  }

  #watch(kind: ServerKind): ServerWatch {
    const watch = this.#watches.get(kind)
    if (watch === undefined) throw new RangeError(`${kind} was running before and is not ours`)
    return watch
  }
}
