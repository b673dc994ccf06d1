/** So many have their turn at a time; the others wait in line. */
export class Turns {
  #free: number
  readonly #line: (() => void)[] = []

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** Does the work when it has its turn. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#line.push(resolve))
    try {
      return await work()
    } finally {
      // The turn goes to the next in line, past whoever comes at this moment.
      const next = this.#line.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}
