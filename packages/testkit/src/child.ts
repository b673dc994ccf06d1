import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { TestkitError } from './errors.ts'
import { openResources } from './open-resources.ts'
import { ProbeLink, isProbeMessage, type WaitOptions } from './probe-link.ts'
import type { ProbeAction } from './child-probe.ts'
import { spawnOwned, type ExitInfo, type OwnedProcess } from './processes/owned-process.ts'

export interface SpawnChildOptions {
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly args?: readonly string[]
  readonly cwd?: string
}

/** A Node process that a test may kill at a named point. It never outlives the test's process. */
export interface Child extends AsyncDisposable {
  readonly pid: number
  /** Settles when it is gone; never rejects. */
  readonly exited: Promise<ExitInfo>
  /**
   * Makes `action` happen when the child passes `probe` (after `skip` earlier passes): 'kill' ends it there
   * with SIGKILL, 'stop' holds it there until {@link Child.go}, 'report' only tells. Resolves when armed.
   * With `only`, passes with another detail do not count.
   */
  arm(
    probe: string,
    action: ProbeAction,
    options?: { readonly skip?: number; readonly only?: unknown },
  ): Promise<void>
  /** The probe does nothing again. */
  disarm(probe: string): Promise<void>
  /** Lets a child that stopped at the probe go on. */
  go(probe: string): void
  /** Resolves with the probe's detail when an armed 'stop' or 'report' was passed; each pass counts once. */
  reached(probe: string, options?: WaitOptions): Promise<unknown>
  send(message: object): void
  /** The first message that matches, also one that has come already; each is given out once. */
  message<T = unknown>(matches?: (message: any) => boolean, options?: WaitOptions): Promise<T>
  /** All it wrote so far. */
  stdout(): string
  stderr(): string
  /** Resolves when it is gone. @defaultValue SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<ExitInfo>
}

/**
 * Starts a TypeScript file under this Node, on package sources (`--conditions=@payflow/source`), with an IPC
 * channel. Resolves when the process exists, which is before its code runs.
 */
export async function spawnChild(
  entry: string | URL,
  options: SpawnChildOptions = {},
): Promise<Child> {
  const file = entry instanceof URL ? fileURLToPath(entry) : entry
  const env = { ...process.env, ...options.env }
  // Vitest's own loader and coverage settings are for its workers, not for the program under test.
  delete env['NODE_OPTIONS']
  delete env['NODE_V8_COVERAGE']
  const owned = await spawnOwned(process.execPath, {
    args: ['--conditions=@payflow/source', file, ...(options.args ?? [])],
    env,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  return new NodeChild(owned, file)
}

class NodeChild implements Child {
  readonly pid: number
  readonly exited: Promise<ExitInfo>
  readonly #owned: OwnedProcess
  readonly #link: ProbeLink
  readonly #messages: unknown[] = []
  #stdout = ''
  #stderr = ''

  constructor(owned: OwnedProcess, file: string) {
    this.pid = owned.pid
    this.#owned = owned
    this.#link = new ProbeLink(owned.process, owned.exited, () => this.#describe(file))
    const { stdout, stderr } = owned.process
    stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text))
    stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text))
    owned.process.on('message', (message) => {
      if (!isProbeMessage(message)) this.#messages.push(message)
    })
    // Exit can be seen before the last output; whoever awaits it wants to read all of it.
    const closed = once(owned.process, 'close')
    this.exited = owned.exited.then(async (info) => {
      openResources.delete(this)
      await closed
      return info
    })
    openResources.add(this, `child ${file} (pid ${owned.pid})`, () => this.kill())
  }

  arm(
    probe: string,
    action: ProbeAction,
    options: { skip?: number; only?: unknown } = {},
  ): Promise<void> {
    return this.#link.arm(probe, action, options.skip ?? 0, options.only)
  }

  disarm(probe: string): Promise<void> {
    return this.#link.disarm(probe)
  }

  go(probe: string): void {
    this.#link.go(probe)
  }

  reached(probe: string, options?: WaitOptions): Promise<unknown> {
    return this.#link.reached(probe, options)
  }

  send(message: object): void {
    this.#owned.process.send(message)
  }

  async message<T>(
    matches: (message: any) => boolean = () => true,
    options?: WaitOptions,
  ): Promise<T> {
    const take = () => {
      const index = this.#messages.findIndex(matches)
      return index === -1 ? undefined : { message: this.#messages.splice(index, 1)[0] as T }
    }
    return (await this.#link.waitWhileAlive(take, 'a message', options)).message
  }

  stdout(): string {
    return this.#stdout
  }

  stderr(): string {
    return this.#stderr
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<ExitInfo> {
    this.#owned.process.kill(signal)
    return await this.exited
  }

  #describe(file: string): TestkitError {
    const tail = this.#stderr.trimEnd().split('\n').slice(-15).join('\n')
    return new TestkitError('TESTKIT_CHILD_EXITED', `${file} (pid ${this.pid}) has ended\n${tail}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}
