// A process of PayFlow inside the test: its work can be halted at a named point, for as long as the
// test likes (a frozen process), and there be told to go on or to die.
import { waitFor } from '@payflow/testkit'

/** What a process that dies at a point never gets past. */
export class Killed extends Error {
  override readonly name = 'Killed'
}

interface Halt {
  readonly goOn: () => void
  readonly die: () => void
}

/** One run of a process, from its beginning to its end or death. */
export class Actor {
  readonly name: string
  readonly #done: Promise<unknown>
  #haltAt: string | undefined
  #halted: Halt | undefined
  #ended = false
  #dead = false
  #failure: unknown

  /** Begins to work, and halts when it passes `haltAt` for the first time. */
  constructor(
    name: string,
    haltAt: string | undefined,
    work: (pass: Actor['pass']) => Promise<unknown>,
  ) {
    this.name = name
    this.#haltAt = haltAt
    this.#done = work(this.pass).then(
      () => {
        this.#ended = true
      },
      (error: unknown) => {
        this.#ended = true
        if (!(error instanceof Killed)) this.#failure = error
      },
    )
  }

  /** To be awaited at each point: the probe of this process. */
  readonly pass = async (point: string): Promise<void> => {
    if (this.#dead) throw new Killed(`dead at ${point}`)
    if (point !== this.#haltAt) return
    this.#haltAt = undefined
    await new Promise<void>((goOn, reject) => {
      this.#halted = { goOn, die: () => reject(new Killed(`died at ${point}`)) }
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  /** What it failed by, other than a death. */
  get failure(): unknown {
    return this.#failure
  }

  goOn(): void {
    this.#halted?.goOn()
    this.#halted = undefined
  }

  die(): void {
    this.#dead = true
    this.#halted?.die()
    this.#halted = undefined
  }

  /** Resolves when it can do no more by itself: it has ended, is halted, or waits for a lock. */
  async still(waitsForLock: () => Promise<boolean>): Promise<void> {
    await waitFor(async () => this.#ended || this.#halted !== undefined || (await waitsForLock()), {
      timeoutMs: 60_000,
      intervalMs: 2,
      message: `${this.name} to end or to halt`,
    })
  }

  async end(): Promise<void> {
    await this.#done
  }
}
