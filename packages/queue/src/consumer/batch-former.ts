import { hasHistory } from './attempt.ts'
import { takeOf } from './delivery.ts'
import type { ChannelGeneration, Delivery } from './delivery.ts'
import type { UnitRunner } from './unit.ts'

/**
 * Collects deliveries for the next batch: as many as it holds, or as many as come while its first one
 * waits. Without batches everything is taken as it comes.
 */
export class BatchFormer {
  readonly #batch: UnitRunner['batch']
  readonly #onDue: () => void
  #forming: Delivery[] = []
  #timer: NodeJS.Timeout | undefined
  #due = false

  /** @param onDue - called when a batch that is not full has waited long enough. */
  constructor(batch: UnitRunner['batch'], onDue: () => void) {
    this.#batch = batch
    this.#onDue = onDue
  }

  get size(): number {
    return this.#forming.length
  }

  /** The next deliveries to run together, drawn one by one; `undefined` while there are none. */
  next(draw: () => Delivery | undefined): readonly Delivery[] | undefined {
    for (;;) {
      if (this.#batch !== undefined && this.#forming.length >= this.#batch.size) return this.clear()
      const delivery = draw()
      if (delivery === undefined) return this.#due ? this.clear() : undefined
      // What failed before, or may have taken a process down, runs alone: it can't harm others again.
      if (this.#batch === undefined || hasHistory(delivery)) return [delivery]
      this.#add(delivery, this.#batch.waitMs)
    }
  }

  /** Takes what was collected so far, of one channel or all of it. */
  clear(generation?: ChannelGeneration): Delivery[] {
    const [taken, kept] = takeOf(generation, this.#forming)
    this.#forming = kept
    if (kept.length === 0) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#due = false
    }
    return taken
  }

  #add(delivery: Delivery, waitMs: number): void {
    this.#forming.push(delivery)
    this.#timer ??= setTimeout(() => {
      this.#due = true
      this.#onDue()
    }, waitMs)
  }
}
