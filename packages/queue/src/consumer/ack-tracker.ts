/** What to write so that some tags are acknowledged: one frame for a prefix, and single ones. */
export interface AckPlan {
  /** Acknowledge this tag and, with it, every lower one that is still unsettled. */
  readonly multiple: number | undefined
  readonly single: readonly number[]
}

/**
 * Which delivery tags of one channel are unsettled, and so what a `multiple` acknowledgement may cover.
 *
 * `basic.ack` with `multiple` settles every unsettled tag up to its own, so it may name a tag only when
 * no lower one is still in hand. The broker numbers the deliveries of a channel 1, 2, 3, …; a channel on
 * which that does not hold gets single acknowledgements only.
 */
export class AckTracker {
  /** In the order of their numbers, because that is how they arrive: the first one is the lowest. */
  readonly #unsettled = new Set<number>()
  #last = 0
  #consecutive = true

  /** Nothing is in hand. */
  get empty(): boolean {
    return this.#unsettled.size === 0
  }

  /** A delivery arrived. */
  received(tag: number): void {
    if (tag !== this.#last + 1) this.#consecutive = false
    this.#last = tag
    this.#unsettled.add(tag)
  }

  /** A delivery was settled by a frame of its own. */
  settled(tag: number): void {
    this.#unsettled.delete(tag)
  }

  /** Counts these tags as settled. Each must be unsettled, and its settlement be due by proof. */
  acknowledge(tags: readonly number[]): AckPlan {
    for (const tag of tags) {
      if (!this.#unsettled.delete(tag)) throw new Error(`Delivery tag ${tag} is not unsettled`)
    }
    const lowest = this.#lowestUnsettled()
    const prefix = tags.filter((tag) => tag < lowest)
    if (!this.#consecutive || prefix.length < 2) return { multiple: undefined, single: tags }
    return {
      multiple: prefix.reduce((a, b) => Math.max(a, b)),
      single: tags.filter((tag) => tag > lowest),
    }
  }

  #lowestUnsettled(): number {
    const [first] = this.#unsettled
    return first ?? Number.POSITIVE_INFINITY
  }
}
