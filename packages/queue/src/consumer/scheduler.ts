import { aborted } from '../backoff.ts'
import { BatchFormer } from './batch-former.ts'
import { takeOf } from './delivery.ts'
import type { ChannelGeneration, Delivery } from './delivery.ts'
import type { Order } from './order.ts'
import type { Held, Settlement } from './settle.ts'
import type { Unit, UnitRunner } from './unit.ts'

interface SchedulerOptions {
  /** Units run at the same time. */
  readonly concurrency: number
  readonly order: Order
  readonly runner: UnitRunner
  /** Called once for every delivery that was added. */
  readonly onSettled: (settlement: Settlement) => void
}

/** Keeps as many deliveries at work as the concurrency allows, in the given order. */
export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #former: BatchFormer
  readonly #working = new Set<Unit>()
  /** What failed and is tried again once its timer is due. */
  readonly #held = new Map<Delivery, NodeJS.Timeout>()
  /** How many of those who stopped it have not started it again. */
  #stops = 0
  #idle: PromiseWithResolvers<void> | undefined

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#former = new BatchFormer(options.runner.batch, () => this.#pump())
  }

  /** Deliveries at work. */
  get working(): number {
    let count = 0
    for (const unit of this.#working) count += unit.deliveries.length
    return count
  }

  /** Deliveries in hand, at work or not. */
  get inFlight(): number {
    const { order } = this.#options
    return order.waiting + this.#former.size + this.#held.size + this.working
  }

  add(delivery: Delivery): void {
    this.#options.order.add(delivery)
    this.#pump()
  }

  /** Begins nothing any more, until {@link start} was called as often. */
  stop(): void {
    this.#stops += 1
  }

  start(): void {
    this.#stops -= 1
    this.#pump()
  }

  /** Gives back what is not at work, of one generation or all of it. */
  releaseBuffered(generation?: ChannelGeneration): void {
    const { order } = this.#options
    const [held] = takeOf(generation, [...this.#held.keys()])
    for (const delivery of held) this.#letGo(delivery)
    const drawn = [...held, ...this.#former.clear(generation)]
    for (const delivery of [...drawn, ...order.clear(generation)]) this.#release(delivery)
    for (const delivery of drawn) order.done(delivery)
    // What another generation has brought may have waited for these.
    this.#pump()
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
    this.#idle ??= Promise.withResolvers()
    await Promise.race([this.#idle.promise, aborted(deadline)])
  }

  #pump(): void {
    const { concurrency, order } = this.#options
    while (this.#stops === 0 && this.#working.size < concurrency) {
      const drawn = this.#former.next(() => order.next())
      if (drawn === undefined) return
      const deliveries = drawn.filter(({ generation }) => generation.alive)
      if (deliveries.length > 0) void this.#run({ deliveries, controller: new AbortController() })
      if (deliveries.length < drawn.length) this.#abandonDead(drawn)
    }
  }

  /**
   * A channel may be dead before anybody has said so. What it delivered comes again, its predecessors
   * first: run now, it would overtake one that was lost with the channel.
   */
  #abandonDead(drawn: readonly Delivery[]): void {
    for (const delivery of drawn) {
      if (delivery.generation.alive) continue
      this.#release(delivery)
      this.#options.order.done(delivery)
    }
  }

  async #run(unit: Unit): Promise<void> {
    this.#working.add(unit)
    const outcomes = await this.#options.runner.run(unit)
    this.#working.delete(unit)
    for (const [index, delivery] of unit.deliveries.entries()) {
      this.#conclude(delivery, outcomes[index] ?? 'abandoned')
    }
    if (this.#working.size === 0) {
      this.#idle?.resolve()
      this.#idle = undefined
    }
    this.#pump()
  }

  #conclude(delivery: Delivery, outcome: Settlement | Held): void {
    const { order, onSettled } = this.#options
    if (typeof outcome === 'string') {
      onSettled(outcome)
      order.done(delivery)
    } else if (delivery.generation.alive) {
      this.#held.set(
        delivery,
        setTimeout(() => this.#tryAgain(delivery), outcome.heldForMs),
      )
      order.block(delivery)
    } else {
      this.#release(delivery)
      order.done(delivery)
    }
  }

  #tryAgain(delivery: Delivery): void {
    this.#letGo(delivery)
    this.#options.order.retry(delivery)
    this.#pump()
  }

  #letGo(delivery: Delivery): void {
    clearTimeout(this.#held.get(delivery))
    this.#held.delete(delivery)
  }

  #release(delivery: Delivery): void {
    this.#options.onSettled(delivery.release() ? 'released' : 'abandoned')
  }
}
