/** How somebody waits for their turn. */
export interface WaitInLine {
  /** Before all who are not urgent. */
  readonly isUrgent?: boolean
  /** Goes away after so long without a turn. Default: stays. */
  readonly leaveAfterMs?: number
}

/** So many have their turn at a time; the others wait in line. */
export class Turns {
  #free: number
  readonly #urgent = new Set<() => void>()
  readonly #others = new Set<() => void>()

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** Does the work when it has its turn; `undefined` when it left the line before. */
  async take<T>(work: () => Promise<T>, wait: WaitInLine = {}): Promise<T | undefined> {
    if (this.#free > 0) this.#free -= 1
    else if (!(await this.#stand(wait))) return undefined
    try {
      return await work()
    } finally {
      // The turn goes to the next in line, past whoever comes at this moment.
      const [next] = this.#urgent.size > 0 ? this.#urgent : this.#others
      if (next) next()
      else this.#free += 1
    }
  }

  /** Stands in line: whether its turn came. */
  #stand({ isUrgent = false, leaveAfterMs }: WaitInLine): Promise<boolean> {
    const line = isUrgent ? this.#urgent : this.#others
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const go = (hasTurn: boolean): void => {
      clearTimeout(timer)
      line.delete(called)
      resolve(hasTurn)
    }
    const called = (): void => go(true)
    const timer = leaveAfterMs === undefined ? undefined : setTimeout(go, leaveAfterMs, false)
    line.add(called)
    return promise
  }
}
