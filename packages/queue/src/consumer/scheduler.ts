import { aborted } from '../backoff.ts'
import type { ChannelGeneration, Delivery } from './delivery.ts'
import type { Settlement } from './settle.ts'
import type { Unit, UnitRunner } from './unit.ts'

interface SchedulerOptions {
  /** Units run at the same time. */
  readonly concurrency: number
  readonly runner: UnitRunner
  /** Called once for every delivery that was added. */
  readonly onSettled: (settlement: Settlement) => void
}

/** Decides which delivery runs next, and keeps as many at work as the concurrency allows. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #buffer: Delivery[] = []
  readonly #working = new Set<Unit>()
  #idle: (() => void) | undefined

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  /** Deliveries at work. */
  get working(): number {
    let count = 0
    for (const unit of this.#working) count += unit.deliveries.length
    return count
  }

  /** Deliveries in hand, at work or not. */
  get inFlight(): number {
    return this.#buffer.length + this.working
  }

  add(delivery: Delivery): void {
    this.#buffer.push(delivery)
    this.#pump()
  }

  /** Gives back what has not begun. */
  releaseBuffered(): void {
    for (const delivery of this.#buffer.splice(0)) {
      this.#options.onSettled(delivery.release() ? 'released' : 'abandoned')
    }
  }

  /** Signals what is at work, of one generation or all of it. */
  abort(reason: unknown, generation?: ChannelGeneration): void {
    for (const { deliveries, controller } of this.#working) {
      const [first] = deliveries
      if (generation === undefined || first?.generation === generation) controller.abort(reason)
    }
  }

  /** Waits until nothing is at work, or for the deadline. */
  async whenIdle(deadline: AbortSignal): Promise<void> {
    if (this.#working.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve
    })
    await Promise.race([idle, aborted(deadline)])
  }

  #pump(): void {
    while (this.#working.size < this.#options.concurrency) {
      const delivery = this.#buffer.shift()
      if (delivery === undefined) return
      void this.#run({ deliveries: [delivery], controller: new AbortController() })
    }
  }

  async #run(unit: Unit): Promise<void> {
    this.#working.add(unit)
    const settlements = await this.#options.runner.run(unit)
    this.#working.delete(unit)
    for (const settlement of settlements) this.#options.onSettled(settlement)
    if (this.#working.size === 0) this.#idle?.()
    this.#pump()
  }
}
