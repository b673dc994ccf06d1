import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { TestkitError } from '../errors.ts'
import { openResources } from '../open-resources.ts'
import { spawnOwned, type ExitInfo, type OwnedProcess } from '../processes/owned-process.ts'
import { isListening, isPortFree } from '../processes/ports.ts'
import { processTree, signalAll } from '../processes/process-tree.ts'
import { pause, waitFor } from '../wait-for.ts'
import type { Command, Recipe } from './recipe.ts'
import type { Server, ServerKind } from './server.ts'

export interface ProcessServerOptions {
  readonly name: string
  readonly log: string
  readonly startTimeoutMs: number
  /** Removed at the end; undefined when the data belong to the caller. */
  readonly temporaryFolder: string | undefined
}

// An orderly end that takes longer than this is turned into a kill: Ctrl-C has to be over within seconds.
const ORDERLY_END_MS = 8_000
// How long a start is tried again while a killed predecessor still holds the data.
const STILL_HELD_MS = 10_000

/** One recipe, run as a child process of ours. */
export class ProcessServer implements Server {
  readonly kind: ServerKind
  readonly name: string
  readonly url: string
  readonly port: number
  readonly log: string
  readonly version: string
  readonly #recipe: Recipe
  readonly #options: ProcessServerOptions
  #running: OwnedProcess | undefined
  #companions: OwnedProcess[] = []
  #frozen: number[] = []
  #companionsGone: Promise<unknown> = Promise.resolve()
  #hasRun = false
  #stopping = false
  #starting: Promise<void> | undefined

  constructor(recipe: Recipe, options: ProcessServerOptions) {
    this.kind = recipe.kind
    this.name = options.name
    this.url = recipe.url
    this.port = recipe.port
    this.log = options.log
    this.version = recipe.version
    this.#recipe = recipe
    this.#options = options
    openResources.add(this, `${this.name} server on port ${this.port}`, () => this.stop())
  }

  get pid(): number {
    return this.#running?.pid ?? 0
  }

  get exited(): Promise<ExitInfo> {
    return this.#running?.exited ?? Promise.resolve({ code: null, signal: null })
  }

  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async #start(): Promise<void> {
    if (this.#running !== undefined) return
    openResources.add(this, `${this.name} server on port ${this.port}`, () => this.stop())
    mkdirSync(dirname(this.log), { recursive: true })
    await this.#recipe.prepare()
    await this.#companionsGone
    await this.#portIsFree()
    for (const companion of this.#recipe.companions) {
      this.#companions.push(await this.#spawn(companion))
      await waitFor(() => isListening(companion.listensOn), {
        message: `${companion.file} beside ${this.name} to listen`,
      })
    }
    const giveUpAt = performance.now() + STILL_HELD_MS
    while (!this.#stopping) {
      const logStart = statSync(this.log, { throwIfNoEntry: false })?.size ?? 0
      const running = await this.#spawn(this.#recipe.command)
      this.#running = running
      this.#hasRun = true
      void running.exited.then(() => this.#ended(running))
      const failure = await this.#answers(running)
      if (failure === undefined) return
      const output = readFileSync(this.log, 'utf8').slice(logStart)
      const stillHeld = this.#recipe.stillHeld?.test(output) ?? false
      if (!stillHeld || performance.now() > giveUpAt) throw this.#startFailed(failure)
      await pause(200)
    }
    throw this.#startFailed(new Error('it was stopped before it had started'))
  }

  // The port of a killed server can stay taken for a moment, until the kernel has ended all its processes.
  async #portIsFree(): Promise<void> {
    // In a network of its own there is nobody else, and we couldn't bind its address to see.
    if (this.#recipe.host?.startsWith('127.') === false) return
    const timeoutMs = this.#hasRun ? 5_000 : 0
    const free = await waitFor(() => isPortFree(this.port), { timeoutMs }).catch(() => false)
    if (free) return
    const text = `port ${this.port} for ${this.name} is taken by another process`
    throw new TestkitError('TESTKIT_PORT_TAKEN', text)
  }

  async #spawn(command: Command): Promise<OwnedProcess> {
    const output = openSync(this.log, 'a')
    try {
      return await spawnOwned(command.file, {
        args: command.args,
        stdio: ['ignore', output, output],
        lastSignal: this.#recipe.lastSignal,
        owner: command.owner,
        ...(command.env === undefined ? {} : { env: command.env }),
        ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      })
    } finally {
      closeSync(output)
    }
  }

  /** Undefined when it answers; else why it does not, and then it is gone. */
  async #answers(running: OwnedProcess): Promise<unknown> {
    let ended: ExitInfo | undefined
    void running.exited.then((info) => (ended = info))
    try {
      await waitFor(
        async () => {
          if (ended === undefined) await this.#recipe.probe()
          return true
        },
        {
          timeoutMs: this.#options.startTimeoutMs,
          intervalMs: 50,
          message: `${this.name} to start`,
        },
      )
    } catch (cause) {
      await this.kill()
      return cause
    }
    return ended === undefined ? undefined : new Error(`it ended with ${JSON.stringify(ended)}`)
  }

  #startFailed(cause: unknown): TestkitError {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const lines = existsSync(this.log) ? readFileSync(this.log, 'utf8').trimEnd().split('\n') : []
    const tail = lines.slice(-20).join('\n')
    const text = `${this.name} did not start: ${reason}\nEnd of ${this.log}:\n${tail}`
    return new TestkitError('TESTKIT_SERVER_START_FAILED', text, { cause })
  }

  #ended(running: OwnedProcess): void {
    if (this.#running !== running) return
    this.#running = undefined
    this.#frozen = []
    const companions = this.#companions.splice(0)
    signalAll(
      companions.map((companion) => companion.pid),
      'SIGKILL',
    )
    this.#companionsGone = Promise.all(companions.map((companion) => companion.exited))
  }

  async kill(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    // Parents first, stopped: so that nobody forks between our look at the tree and the kill.
    signalAll([running.pid], 'SIGSTOP')
    signalAll(processTree(running.pid), 'SIGKILL')
    await running.exited
    this.#ended(running)
  }

  freeze(): void {
    if (this.#running === undefined) return
    signalAll([this.#running.pid], 'SIGSTOP')
    this.#frozen = processTree(this.#running.pid)
    signalAll(this.#frozen, 'SIGSTOP')
  }

  resume(): void {
    signalAll(this.#frozen.splice(0).reverse(), 'SIGCONT')
  }

  async restart(): Promise<void> {
    await this.#end(this.#recipe.orderlySignal)
    await this.start()
  }

  async stop(): Promise<void> {
    const { temporaryFolder } = this.#options
    this.#stopping = true
    // A server that is still starting is not worth an orderly end, nor the wait until it has started.
    while (this.#starting !== undefined) {
      await this.kill()
      await Promise.race([this.#starting.catch(() => undefined), pause(50)])
    }
    await this.#end(temporaryFolder ? this.#recipe.fastSignal : this.#recipe.orderlySignal)
    await this.#companionsGone
    this.#stopping = false
    if (temporaryFolder !== undefined) {
      rmSync(temporaryFolder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
    }
    openResources.delete(this)
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    if (signal === 'SIGKILL') return await this.kill()
    this.resume()
    signalAll([running.pid], signal)
    const late = pause(ORDERLY_END_MS).then(() => 'late' as const)
    if ((await Promise.race([running.exited, late])) === 'late') await this.kill()
    this.#ended(running)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
