import type { LossReason } from './events.ts'
import type { StepResult } from './store.ts'

/** What a {@link Heartbeat} needs to know. */
export interface HeartbeatOptions {
  readonly leaseMs: number
  readonly executionMaxMs: number
  readonly renew: () => Promise<StepResult>
  readonly onLost: (reason: LossReason) => void
}

/**
 * Renews a lease every third of it, one call at a time. Says `replaced` when the store answers that
 * the claim is another's, and `unreachable` when no renewal was confirmed for a whole lease. The
 * process's monotonic clock only decides when to give up early; who owns the claim is the store's
 * decision.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  readonly #startedAt: number = performance.now()
  #confirmedAt: number = this.#startedAt
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: HeartbeatOptions) {
    this.#options = options
    this.#schedule()
  }

  /** No renewal begins after this. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    this.#timer = setTimeout(() => void this.#beat(), this.#options.leaseMs / 3)
    this.#timer.unref()
  }

  async #beat(): Promise<void> {
    const askedAt = performance.now()
    if (askedAt - this.#startedAt >= this.#options.executionMaxMs) return this.#lose('overdue')
    try {
      const result = await this.#options.renew()
      if (result === 'stale') return this.#lose('replaced')
      this.#confirmedAt = askedAt
    } catch {
      // The store keeps the lease as long as it runs; only a whole lease without an answer is a
      // loss.
      const silentMs = performance.now() - this.#confirmedAt
      if (silentMs >= this.#options.leaseMs) return this.#lose('unreachable')
    }
    if (!this.#stopped) this.#schedule()
  }

  #lose(reason: LossReason): void {
    if (this.#stopped) return
    this.stop()
    this.#options.onLost(reason)
  }
}
