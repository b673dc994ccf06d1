/**
 * Keeps payments and faults in step: a machine pays hundreds of times in the second that it takes to
 * start one process again, and the campaign would be over before its faults.
 */
export class Pace {
  #begun = 0
  #limit = Infinity
  #waiting: (() => void)[] = []

  /** Resolves when the next payment may begin. */
  async turn(signal: AbortSignal): Promise<void> {
    while (this.#begun >= this.#limit && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
    this.#begun += 1
  }

  /** So many more for now. */
  allow(payments: number): void {
    this.#set(this.#begun + payments)
  }

  /** As many as come: a fault is waiting for them. */
  open(): void {
    this.#set(Infinity)
  }

  #set(limit: number): void {
    this.#limit = limit
    for (const go of this.#waiting.splice(0)) go()
  }
}
