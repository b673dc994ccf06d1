/** What waits in a {@link TimerQueue}. Its fields belong to the queue. */
export abstract class Waiting {
  /** By the process's monotonic clock. */
  dueAt = 0
  isQueued = false
  previous: Waiting | undefined
  next: Waiting | undefined
  /** The time is over. No longer queued. */
  abstract onDue(): void
}

/** So late a timer is taken for lost: somebody has replaced or cleared the process' timers. */
const lostAfterMs = 1_000

/**
 * Waits for many things that all take the same time, with one timer: what came first is due first.
 * Most of them are removed long before they are due, and a timer for each would cost more than all
 * else that is done about it.
 *
 * When the event loop was blocked, the time is over before the answer that has arrived was read. So
 * the sockets are read once more before anything counts as due.
 */
export class TimerQueue {
  readonly #afterMs: number
  readonly #keepsAlive: boolean
  #first: Waiting | undefined
  #last: Waiting | undefined
  #timer: NodeJS.Timeout | undefined
  #firesAt = 0
  #isExpiring = false
  readonly #onTimer: () => void = () => this.#fire()
  readonly #onImmediate: (untilMs: number) => void = (untilMs) => this.#expire(untilMs)

  /** `keepsAlive`: whether the process waits for what waits here. */
  constructor(afterMs: number, keepsAlive: boolean) {
    this.#afterMs = afterMs
    this.#keepsAlive = keepsAlive
  }

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  add(waiting: Waiting): void {
    const now = performance.now()
    const last = this.#last
    waiting.dueAt = now + this.#afterMs
    waiting.isQueued = true
    waiting.previous = last
    this.#last = waiting
    if (last === undefined) this.#first = waiting
    else last.next = waiting
    if (this.#isExpiring) return
    if (this.#timer === undefined || now > this.#firesAt + lostAfterMs)
      this.#arm(this.#afterMs, now)
    else if (last === undefined && this.#keepsAlive) this.#timer.ref()
  }

  /** Does nothing if it is not queued. */
  remove(waiting: Waiting): void {
    if (!waiting.isQueued) return
    const { previous, next } = waiting
    waiting.isQueued = false
    waiting.previous = undefined
    waiting.next = undefined
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    if (this.#keepsAlive && this.#first === undefined) this.#timer?.unref()
  }

  /** Begins the time anew for what was added since then. */
  restart(sinceMs: number): void {
    const dueAt = performance.now() + this.#afterMs
    const firstDueAt = sinceMs + this.#afterMs
    for (let at = this.#last; at !== undefined && at.dueAt >= firstDueAt; at = at.previous) {
      at.dueAt = dueAt
    }
  }

  #arm(afterMs: number, now: number): void {
    this.#firesAt = now + afterMs
    this.#timer = setTimeout(this.#onTimer, afterMs)
    if (!this.#keepsAlive) this.#timer.unref()
  }

  #fire(): void {
    this.#timer = undefined
    this.#isExpiring = true
    setImmediate(this.#onImmediate, performance.now())
  }

  #expire(untilMs: number): void {
    const late: Waiting[] = []
    for (let at = this.#first; at !== undefined && at.dueAt <= untilMs; at = this.#first) {
      this.remove(at)
      late.push(at)
    }
    this.#isExpiring = false
    const first = this.#first
    if (first !== undefined) {
      const now = performance.now()
      this.#arm(Math.max(1, Math.ceil(first.dueAt - now)), now)
    }
    for (const each of late) each.onDue()
  }
}
