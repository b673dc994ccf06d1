import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { HandlerAtWork } from './events.ts'
import type { Reporter } from './reporter.ts'
import type { LoopHealth } from './types.ts'

const RESOLUTION_MS = 20
const WINDOW_MS = 60_000

/**
 * Notices when JavaScript keeps the event loop of this process for itself. Nothing else runs then:
 * no heartbeat leaves, so the broker takes the connection for dead and delivers what is in hand
 * again, to somebody else.
 *
 * The histogram says how late things are in general; the timer notices a single block as soon as it
 * is over, while the handlers that were at work still are.
 */
export class LoopWatch {
  readonly #reporter: Reporter
  readonly #limitMs: number
  readonly #atWork = new Set<readonly HandlerAtWork[]>()
  #histogram: ReturnType<typeof monitorEventLoopDelay> | undefined
  #timer: NodeJS.Timeout | undefined
  #maxMs = 0
  #blocked = 0
  /** Of the window before this one. */
  #before = { p99Ms: 0, maxMs: 0 }
  #windowEndsAt = 0

  /** @param heartbeatS - half of it is how long the loop may be kept */
  constructor(reporter: Reporter, heartbeatS: number) {
    this.#reporter = reporter
    this.#limitMs = (heartbeatS * 1_000) / 2
  }

  /** Begins to watch; further calls do nothing. */
  start(): void {
    if (this.#timer !== undefined) return
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
    this.#windowEndsAt = performance.now() + WINDOW_MS
    const periodMs = Math.max(RESOLUTION_MS, this.#limitMs / 20)
    let lastAt = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      this.#passed(now - lastAt - periodMs, now)
      lastAt = now
    }, periodMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#histogram?.disable()
  }

  /** Handlers that begin now, until the function this gives is called. */
  enter(handlers: readonly HandlerAtWork[]): () => void {
    this.#atWork.add(handlers)
    return () => this.#atWork.delete(handlers)
  }

  health(): LoopHealth {
    return {
      p99Ms: Math.round(Math.max(this.#before.p99Ms, this.#p99Ms())),
      maxMs: Math.round(Math.max(this.#before.maxMs, this.#maxMs)),
      blocked: this.#blocked,
    }
  }

  #passed(lateMs: number, now: number): void {
    this.#maxMs = Math.max(this.#maxMs, lateMs)
    if (lateMs > this.#limitMs) {
      this.#blocked += 1
      this.#reporter.emit({
        type: 'loop.blocked',
        blockedMs: Math.round(lateMs),
        limitMs: this.#limitMs,
        handlers: [...this.#atWork].flat(),
      })
    }
    if (now < this.#windowEndsAt) return
    this.#before = { p99Ms: this.#p99Ms(), maxMs: this.#maxMs }
    this.#windowEndsAt = now + WINDOW_MS
    this.#maxMs = 0
    this.#histogram?.reset()
  }

  /** The histogram measures from tick to tick, so its resolution is no delay. */
  #p99Ms(): number {
    if (this.#histogram === undefined || this.#histogram.count === 0) return 0
    return Math.max(0, this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS)
  }
}
