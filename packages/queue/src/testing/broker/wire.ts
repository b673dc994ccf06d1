/**
 * One direction of a connection: what is sent arrives later, in order, or never once it was cut. A
 * paused wire keeps what was sent until it goes on.
 */
export class Wire {
  #inTransit: (() => void)[] = []
  #scheduled = false
  #paused = false
  #cut = false

  send(arrive: () => void): void {
    if (this.#cut) return
    this.#inTransit.push(arrive)
    this.#schedule()
  }

  /** Pauses with this before everything else that is on its way. */
  hold(arrive: () => void): void {
    this.#paused = true
    this.#inTransit.unshift(arrive)
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  cut(): void {
    this.#cut = true
    this.#inTransit = []
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused || this.#inTransit.length === 0) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      while (!this.#paused && !this.#cut) {
        const arrive = this.#inTransit.shift()
        if (arrive === undefined) return
        arrive()
      }
    })
  }
}
