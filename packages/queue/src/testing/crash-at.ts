import { AssertionError } from 'node:assert'
import type { ChildProcess } from 'node:child_process'
import { CRASH_AT } from './failpoint.ts'
import { until } from './until.ts'

/** One life of a worker of yours, to be ended at one point. */
export interface CrashScenario {
  /**
   * Starts the worker with these variables added to its environment, for example
   * `spawn(process.execPath, ['worker.js'], { env: { ...process.env, ...env }, stdio: 'inherit' })`.
   * It gives `failpoint()` to `createBus` and drains on SIGTERM.
   */
  readonly start: (env: Readonly<Record<string, string>>) => ChildProcess
  /** Gives the worker something to do: publishes a message, or writes one into an outbox. */
  readonly act: () => Promise<unknown>
  /** Whether nothing is left to do: queues and outbox are empty, and an effect is there. */
  readonly done: () => Promise<boolean>
  /** Rejects if the effects are not what one undisturbed run leaves behind. */
  readonly check: () => Promise<void>
  /** Removes what the scenario made. Runs in any case, when no worker is left. */
  readonly end?: (() => Promise<void>) | undefined
}

/** Options of {@link crashAt}. */
export interface CrashOptions {
  /**
   * How long a worker may take to get to the point, and the next ones to finish the work, in ms.
   *
   * @defaultValue 60000
   */
  readonly timeoutMs?: number | undefined
}

const STOP_TIMEOUT_MS = 15_000

/**
 * Starts the worker, lets it kill itself at the point, starts it again and again until `done`, stops
 * it, and checks. Works with real servers only: what a killed process leaves behind at a broker and
 * a database is what this is about.
 *
 * @param point - one of `failpoints`, or a name your worker calls its `failpoint()` with
 * @throws AssertionError when the worker never gets to the point, ends in another way, or leaves work
 * undone; and whatever `check` throws.
 */
export async function crashAt(
  point: string,
  scenario: CrashScenario,
  options: CrashOptions = {},
): Promise<void> {
  const { timeoutMs = 60_000 } = options
  const workers: Worker[] = []
  const start = (env: Record<string, string>): Worker => {
    const worker = new Worker(scenario.start(env))
    workers.push(worker)
    return worker
  }
  try {
    const victim = start({ [CRASH_AT]: point })
    await scenario.act()
    await until(`the worker passes ${point}`, timeoutMs, () => victim.ended)
    if (victim.ended !== 'SIGKILL') {
      const message = `the worker ended with ${victim.ended} before it passed ${point}`
      throw new AssertionError({ message })
    }
    // What a dead process held comes back to the queue a moment after its death, so "done" counts
    // only if it still holds when the worker that did the rest has given everything back.
    const deadline = performance.now() + timeoutMs
    for (let done = false; !done; done = await scenario.done()) {
      const leftMs = deadline - performance.now()
      const worker = start({ [CRASH_AT]: '' })
      await until(`the work is done after a death at ${point}`, leftMs, async () => {
        if (worker.ended !== undefined) throw new AssertionError({ message: early(worker) })
        return performance.now() < deadline && (await scenario.done())
      })
      await worker.stop()
    }
    await scenario.check()
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
    await scenario.end?.()
  }
}

function early({ ended }: Worker): string {
  return `the worker that was to finish the work ended with ${ended}`
}

/** A child process, and how it ended. */
class Worker {
  readonly #process: ChildProcess
  readonly #exited: Promise<void>
  /** Its exit code or signal, or why there is no process. */
  ended: string | undefined

  constructor(process: ChildProcess) {
    this.#process = process
    this.#exited = new Promise((resolve) => {
      process.once('exit', (code, signal) => {
        this.ended = signal ?? `exit code ${code}`
        resolve()
      })
      process.once('error', (error) => {
        this.ended ??= error.message
        resolve()
      })
    })
  }

  /** Asks it to end; a worker that does not in time is killed. */
  async stop(): Promise<void> {
    if (this.ended !== undefined) return
    this.#process.kill('SIGTERM')
    const tooLong = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.#exited
    clearTimeout(tooLong)
  }
}
