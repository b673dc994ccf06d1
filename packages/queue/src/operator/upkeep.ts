import { pause } from '../backoff.ts'
import { saveCounts } from '../postgres/save-counts.ts'
import type { Query } from '../postgres/query.ts'
import type { ConsumerHealth } from '../types.ts'
import { uuidv7 } from '../uuid.ts'

interface UpkeepParts {
  readonly query: Query
  readonly schema: string
  /** The consumers of this bus that have been started. */
  readonly consumers: () => readonly ConsumerHealth[]
  /** Forgets what is past its retention; does nothing without one. */
  readonly sweep: (signal: AbortSignal) => Promise<unknown>
}

const COUNT_EVERY_MS = 10_000
const SWEEP_EVERY_MS = 3_600_000
/** A drain doesn't wait for a database that hangs. */
const LAST_WORD_MS = 2_000

/** Writes down every ten seconds what the consumers of this process count, and sweeps every hour. */
export class Upkeep {
  readonly #parts: UpkeepParts
  readonly #process = uuidv7()
  readonly #stop = new AbortController()
  #counting: NodeJS.Timeout | undefined
  #sweeping: NodeJS.Timeout | undefined

  constructor(parts: UpkeepParts) {
    this.#parts = parts
  }

  /** Begins; further calls do nothing. Keeps no process alive. */
  start(): void {
    if (this.#counting !== undefined || this.#stop.signal.aborted) return
    // What fails now is tried again next time; the totals lose nothing by it.
    this.#counting = setInterval(() => void this.save().catch(() => {}), COUNT_EVERY_MS).unref()
    const sweep = (): void => void this.#parts.sweep(this.#stop.signal).catch(() => {})
    this.#sweeping = setInterval(sweep, SWEEP_EVERY_MS).unref()
  }

  /** Writes the counts down now. */
  async save(): Promise<void> {
    const { query, schema, consumers } = this.#parts
    const ended = this.#stop.signal.aborted
    for (const { name, counts } of consumers()) {
      await saveCounts(query, schema, { id: this.#process, consumer: name, ended }, counts)
    }
  }

  /** Says the last word. */
  async stop(): Promise<void> {
    this.#stop.abort()
    if (this.#counting === undefined) return
    clearInterval(this.#counting)
    clearInterval(this.#sweeping)
    const late = new AbortController()
    const saved = this.save().catch(() => {})
    await Promise.race([saved, pause(LAST_WORD_MS, late.signal)])
    late.abort()
  }
}
