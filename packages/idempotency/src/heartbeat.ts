import type { LossReason } from './events.ts'
import type { StepResult } from './store.ts'
import { TimerQueue, Waiting } from './timer-queue.ts'

/** Whose lease a {@link Heartbeat} renews. */
export interface HeartbeatOwner {
  readonly leaseMs: number
  readonly executionMaxMs: number
  renew(): Promise<StepResult>
  onLost(reason: LossReason): void
}

/** One queue for every length of lease in this process. */
const queues = new Map<number, TimerQueue>()

/**
 * Renews a lease every third of it, one call at a time. Says `replaced` when the store answers that
 * the claim is another's, and `unreachable` when no renewal was confirmed for a whole lease. The
 * process's monotonic clock only decides when to give up early; who owns the claim is the store's
 * decision.
 */
export class Heartbeat extends Waiting {
  readonly #owner: HeartbeatOwner
  readonly #queue: TimerQueue
  readonly #startedAt: number
  #confirmedAt: number
  #stopped = false

  constructor(owner: HeartbeatOwner) {
    super()
    this.#owner = owner
    this.#queue = queueOf(owner.leaseMs)
    this.#queue.add(this)
    this.#startedAt = this.dueAt - owner.leaseMs / 3
    this.#confirmedAt = this.#startedAt
  }

  /** No renewal begins after this. */
  stop(): void {
    this.#stopped = true
    this.#queue.remove(this)
  }

  override onDue(): void {
    void this.#beat()
  }

  async #beat(): Promise<void> {
    const askedAt = performance.now()
    if (askedAt - this.#startedAt >= this.#owner.executionMaxMs) return this.#lose('overdue')
    try {
      const result = await this.#owner.renew()
      if (result === 'stale') return this.#lose('replaced')
      this.#confirmedAt = askedAt
    } catch {
      // The store keeps the lease as long as it runs; only a whole lease without an answer is a
      // loss.
      const silentMs = performance.now() - this.#confirmedAt
      if (silentMs >= this.#owner.leaseMs) return this.#lose('unreachable')
    }
    if (!this.#stopped) this.#queue.add(this)
  }

  #lose(reason: LossReason): void {
    if (this.#stopped) return
    this.stop()
    this.#owner.onLost(reason)
  }
}

function queueOf(leaseMs: number): TimerQueue {
  let queue = queues.get(leaseMs)
  if (queue === undefined) {
    queue = new TimerQueue(leaseMs / 3, false)
    queues.set(leaseMs, queue)
  }
  return queue
}
