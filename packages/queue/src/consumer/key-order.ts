import type { LanesHealth } from '../types.ts'
import { takeOf } from './delivery.ts'
import type { ChannelGeneration, Delivery } from './delivery.ts'
import type { Order } from './order.ts'

/** The messages of one key. */
interface Lane {
  readonly key: unknown
  waiting: Delivery[]
  /** What was taken and is not done with. */
  head: Delivery | undefined
  /** Since when its head is tried again and again, by this process's clock. */
  blockedAt: number | undefined
}

const SHOWN_MAX = 20

/**
 * A lane for each key: its messages run one after another in the order of their arrival, while other
 * lanes go on. What is tried again blocks its lane, so nothing of its key overtakes it.
 *
 * A lane outlives the channel that filled it as long as its head is at work: what the next channel
 * brings again waits for that, and finds what it has committed.
 */
export class KeyOrder implements Order {
  readonly #lanes = new Map<unknown, Lane>()
  /** Lanes whose first message may run now. */
  readonly #ready = new Set<Lane>()
  readonly #prefetch: number
  #waiting = 0
  #heads = 0

  constructor(prefetch: number) {
    this.#prefetch = prefetch
  }

  get waiting(): number {
    return this.#waiting
  }

  add(delivery: Delivery): void {
    const { orderKey: key } = delivery
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = { key, waiting: [], head: undefined, blockedAt: undefined }
      this.#lanes.set(key, lane)
    }
    lane.waiting.push(delivery)
    this.#waiting += 1
    if (lane.head === undefined) this.#ready.add(lane)
  }

  next(): Delivery | undefined {
    const [lane] = this.#ready
    if (lane === undefined) return undefined
    this.#ready.delete(lane)
    lane.head = lane.waiting.shift()
    this.#waiting -= 1
    this.#heads += 1
    return lane.head
  }

  done(delivery: Delivery): void {
    this.#goOn(delivery, undefined)
  }

  retry(delivery: Delivery): void {
    const lane = this.#lanes.get(delivery.orderKey)
    lane?.waiting.unshift(delivery)
    this.#waiting += 1
    this.#goOn(delivery, lane?.blockedAt)
  }

  clear(generation?: ChannelGeneration): Delivery[] {
    const cleared: Delivery[] = []
    for (const lane of this.#lanes.values()) {
      const [taken, kept] = takeOf(generation, lane.waiting)
      cleared.push(...taken)
      lane.waiting = kept
      if (lane.head !== undefined || taken.length === 0) continue
      // What was to be tried again came first, so it is among these.
      lane.blockedAt = undefined
      if (kept.length > 0) continue
      this.#ready.delete(lane)
      this.#lanes.delete(lane.key)
    }
    this.#waiting -= cleared.length
    return cleared.toSorted((a, b) => a.message.fields.deliveryTag - b.message.fields.deliveryTag)
  }

  /** The head failed: from now until it is done with, its lane counts as blocked. */
  block(delivery: Delivery): void {
    const lane = this.#lanes.get(delivery.orderKey)
    if (lane !== undefined) lane.blockedAt ??= performance.now()
  }

  health(): LanesHealth {
    const now = performance.now()
    const blocked: LanesHealth['blocked'][number][] = []
    let held = 0
    for (const { key, waiting, head, blockedAt } of this.#lanes.values()) {
      if (blockedAt === undefined) continue
      const { failed } = head ?? waiting[0] ?? { failed: 0 }
      const inHand = waiting.length + (head === undefined ? 0 : 1)
      held += inHand
      blocked.push({
        key: String(key),
        failedAttempts: failed,
        blockedForMs: Math.round(now - blockedAt),
        waiting: inHand - 1,
      })
    }
    return {
      active: this.#lanes.size,
      blockedCount: blocked.length,
      blocked: blocked.toSorted((a, b) => b.blockedForMs - a.blockedForMs).slice(0, SHOWN_MAX),
      starved: held >= this.#prefetch && this.#waiting + this.#heads === held,
    }
  }

  #goOn(delivery: Delivery, blockedAt: number | undefined): void {
    const lane = this.#lanes.get(delivery.orderKey)
    if (lane?.head !== delivery) return
    lane.head = undefined
    lane.blockedAt = blockedAt
    this.#heads -= 1
    if (lane.waiting.length > 0) this.#ready.add(lane)
    else this.#lanes.delete(lane.key)
  }
}
