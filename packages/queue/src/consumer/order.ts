import { takeOf } from './delivery.ts'
import type { ChannelGeneration, Delivery } from './delivery.ts'

/** Which of the deliveries in hand may run next. */
export interface Order {
  /** Deliveries that wait: for their turn, or to be tried again. */
  readonly waiting: number
  add(delivery: Delivery): void
  /** Takes the next one that may run now. */
  next(): Delivery | undefined
  /** What {@link next} gave is done with. */
  done(delivery: Delivery): void
  /** What {@link next} gave failed and will be tried again: nothing that must follow it may run. */
  block(delivery: Delivery): void
  /** The time for that has come: it is among those that may run, before what must follow it. */
  retry(delivery: Delivery): void
  /** Takes all that wait, of one channel or of any, in the order of their arrival. */
  clear(generation?: ChannelGeneration): Delivery[]
}

/** First come, first run: nothing waits for anything else. */
export class ArrivalOrder implements Order {
  #buffer: Delivery[] = []

  get waiting(): number {
    return this.#buffer.length
  }

  add(delivery: Delivery): void {
    this.#buffer.push(delivery)
  }

  next(): Delivery | undefined {
    return this.#buffer.shift()
  }

  done(): void {}

  block(): void {}

  retry(delivery: Delivery): void {
    this.#buffer.unshift(delivery)
  }

  clear(generation?: ChannelGeneration): Delivery[] {
    const [taken, kept] = takeOf(generation, this.#buffer)
    this.#buffer = kept
    return taken
  }
}
