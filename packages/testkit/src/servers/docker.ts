import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { StartedTestContainer } from 'testcontainers'
import { TestkitError } from '../errors.ts'
import { openResources } from '../open-resources.ts'
import type { ExitInfo } from '../processes/owned-process.ts'
import { waitFor } from '../wait-for.ts'
import { onPath } from './binaries.ts'
import type { Server, ServerKind } from './server.ts'

/** Why no container can be started here, or undefined when it can. Cheap where there is no Docker. */
export async function dockerRefusal(): Promise<string | undefined> {
  const sockets = ['/var/run/docker.sock', join(homedir(), '.docker/run/docker.sock')]
  const configured = process.env['DOCKER_HOST'] ?? process.env['TESTCONTAINERS_HOST_OVERRIDE']
  if (configured === undefined && !sockets.some((socket) => existsSync(socket))) {
    return 'no Docker engine runs here'
  }
  if (onPath('docker') === undefined) return 'the docker command is missing'
  try {
    const { getContainerRuntimeClient } = await import('testcontainers')
    await getContainerRuntimeClient()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** What one kind of server needs to run in a container. */
export interface ContainerRecipe {
  readonly kind: ServerKind
  readonly image: string
  readonly url: string
  readonly port: number
  readonly containerPort: number
  readonly containerDataDir: string
  readonly environment: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  probe(): Promise<void>
}

export interface ContainerServerOptions {
  readonly name: string
  readonly log: string
  readonly startTimeoutMs: number
  readonly dataDir: string | undefined
}

/**
 * A server in a container that testcontainers starts and, through its own reaper, removes when this process
 * dies. The published port is fixed, so that it is the same after a restart.
 */
export class ContainerServer implements Server {
  readonly kind: ServerKind
  readonly name: string
  readonly url: string
  readonly port: number
  readonly log: string
  readonly version: string
  readonly pid = 0
  readonly #recipe: ContainerRecipe
  readonly #options: ContainerServerOptions
  #container: StartedTestContainer | undefined
  #runs = false
  #end: (info: ExitInfo) => void = () => undefined
  #exited: Promise<ExitInfo> = Promise.resolve({ code: null, signal: null })

  constructor(recipe: ContainerRecipe, options: ContainerServerOptions) {
    this.kind = recipe.kind
    this.name = options.name
    this.url = recipe.url
    this.port = recipe.port
    this.log = options.log
    this.version = `${recipe.image} (container)`
    this.#recipe = recipe
    this.#options = options
  }

  get exited(): Promise<ExitInfo> {
    return this.#exited
  }

  async start(): Promise<void> {
    if (this.#runs) return
    openResources.add(this, `${this.name} container on port ${this.port}`, () => this.stop())
    if (this.#container === undefined) this.#container = await this.#create()
    else docker('start', this.#container.getId())
    this.#runs = true
    this.#exited = new Promise((resolve) => (this.#end = resolve))
    await waitFor(() => this.#recipe.probe().then(() => true), {
      timeoutMs: this.#options.startTimeoutMs,
      intervalMs: 200,
      message: `${this.name} to start in its container`,
    })
  }

  async #create(): Promise<StartedTestContainer> {
    const { GenericContainer, Wait } = await import('testcontainers')
    const { recipe, dataDir } = { recipe: this.#recipe, dataDir: this.#options.dataDir }
    mkdirSync(dirname(this.log), { recursive: true })
    writeFileSync(this.log, '', { flag: 'a' })
    let container = new GenericContainer(recipe.image)
      .withExposedPorts({ container: recipe.containerPort, host: recipe.port })
      .withEnvironment({ ...recipe.environment })
      .withHostname(recipe.kind)
      .withStartupTimeout(this.#options.startTimeoutMs)
      .withWaitStrategy(Wait.forListeningPorts())
      .withLogConsumer((stream) => {
        stream.on('data', (chunk: Buffer) => writeFileSync(this.log, chunk, { flag: 'a' }))
      })
    if (recipe.command !== undefined) container = container.withCommand([...recipe.command])
    if (dataDir !== undefined) {
      mkdirSync(dataDir, { recursive: true })
      const mount = { source: dataDir, target: recipe.containerDataDir }
      container = container.withBindMounts([mount])
    }
    return await container.start()
  }

  async kill(): Promise<void> {
    if (!this.#runs) return
    docker('kill', this.#id())
    this.#ended('SIGKILL')
  }

  freeze(): void {
    docker('pause', this.#id())
  }

  resume(): void {
    docker('unpause', this.#id())
  }

  async restart(): Promise<void> {
    if (this.#runs) docker('stop', this.#id())
    this.#ended('SIGTERM')
    await this.start()
  }

  async stop(): Promise<void> {
    await this.#container?.stop({ timeout: this.#options.dataDir === undefined ? 0 : 8_000 })
    this.#container = undefined
    this.#ended('SIGTERM')
    openResources.delete(this)
  }

  #ended(signal: NodeJS.Signals): void {
    this.#runs = false
    this.#end({ code: null, signal })
  }

  #id(): string {
    if (this.#container !== undefined) return this.#container.getId()
    throw new TestkitError('TESTKIT_SERVER_START_FAILED', `${this.name} was never started`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

function docker(...args: string[]): void {
  execFileSync('docker', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
