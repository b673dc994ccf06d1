import { pause } from '../backoff.ts'
import { saveCounts } from '../postgres/save-counts.ts'
import type { Query } from '../postgres/query.ts'
import type { Reporter } from '../reporter.ts'
import type { ConsumerHealth } from '../types.ts'
import { uuidv7 } from '../uuid.ts'

interface UpkeepParts {
  readonly query: Query
  readonly schema: string
  readonly reporter: Reporter
  /** The consumers of this bus that have been started. */
  readonly consumers: () => readonly ConsumerHealth[]
  /** Forgets what is past its retention. */
  readonly sweep: (signal: AbortSignal) => Promise<unknown>
  readonly sweepEveryMs: number
}

const COUNT_EVERY_MS = 10_000
/** A drain doesn't wait for a database that hangs. */
const LAST_WORD_MS = 2_000

/** Writes down every ten seconds what the consumers of this process count, and sweeps now and then. */
export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #process = uuidv7()
  readonly #stop = new AbortController()
  #counting: NodeJS.Timeout | undefined
  #nextSweep: NodeJS.Timeout | undefined
  #sweeping: Promise<void> | undefined
  #lastWordSaid = false

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  /** Begins; further calls do nothing. Keeps no process alive. */
  start(): void {
    if (this.#counting !== undefined || this.#stop.signal.aborted) return
    // What fails now is tried again next time; the totals lose nothing by it.
    this.#counting = setInterval(() => void this.save().catch(() => {}), COUNT_EVERY_MS).unref()
    // Soon, for processes that never live for long; not at once, and not all of a deployment together.
    this.#sweepIn(this.#parts.sweepEveryMs * (0.05 + Math.random() * 0.1))
  }

  /** Writes the counts down now. */
  async save(): Promise<void> {
    // Afterwards others may add this process's row to that of all that ended.
    if (this.#lastWordSaid) return
    const { query, schema, consumers } = this.#parts
    const ended = this.#stop.signal.aborted
    for (const { name, counts } of consumers()) {
      await saveCounts(query, schema, { id: this.#process, consumer: name, ended }, counts)
    }
    this.#lastWordSaid = ended
  }

  /** Says the last word. */
  async stop(): Promise<void> {
    this.#stop.abort()
    if (this.#counting === undefined) return
    clearInterval(this.#counting)
    clearTimeout(this.#nextSweep)
    const late = new AbortController()
    const saved = this.save().catch(() => {})
    const ended = Promise.all([saved, this.#sweeping])
    await Promise.race([ended, pause(LAST_WORD_MS, late.signal)])
    late.abort()
  }

  #sweepIn(ms: number): void {
    this.#nextSweep = setTimeout(() => {
      this.#sweeping = this.#sweep()
    }, ms).unref()
  }

  async #sweep(): Promise<void> {
    const { sweep, sweepEveryMs, reporter } = this.#parts
    const { signal } = this.#stop
    try {
      await sweep(signal)
    } catch (error) {
      if (!signal.aborted) reporter.emit({ type: 'sweep.failed', error })
    }
    if (!signal.aborted) this.#sweepIn(sweepEveryMs)
  }
}
