import { unavailable } from '@payflow-app/service-kit'

/** Options of {@link createHashGate}. */
export interface HashGateOptions {
  /** So many run at a time, 1–64: each takes the memory of one hash. */
  readonly runningMax: number
  /** So many more may wait, 0–10000. */
  readonly waitingMax: number
}

/** Lets few run at once, few more wait, and turns away the rest. */
export interface HashGate {
  /**
   * Runs the work when it is its turn.
   *
   * @throws {@link ProblemError} `service-unavailable` (503) with `Retry-After`, at once, when too
   * many wait already; what `work` throws.
   */
  run<T>(work: () => Promise<T>): Promise<T>
  readonly running: number
  readonly waiting: number
  /** How many have been turned away. */
  readonly refused: number
}

/** Whoever is turned away comes back when those who wait now have had their turn. */
const RETRY_AFTER_S = 2

/**
 * Creates the gate in front of password hashing. A hash takes 19 MiB: a thousand at once would be
 * the end of the process, and of everybody's log-in with it.
 */
export function createHashGate({ runningMax, waitingMax }: HashGateOptions): HashGate {
  const queue: (() => void)[] = []
  let running = 0
  let refused = 0
  const enter = async (): Promise<void> => {
    if (running < runningMax) {
      running += 1
      return
    }
    if (queue.length >= waitingMax) {
      refused += 1
      throw unavailable('Too many people log in at this moment', undefined, RETRY_AFTER_S)
    }
    // Whoever leaves hands over its place, so nobody can slip in between.
    await new Promise<void>((go) => queue.push(go))
  }
  const leave = (): void => {
    const next = queue.shift()
    if (next) next()
    else running -= 1
  }
  return {
    async run(work) {
      await enter()
      try {
        return await work()
      } finally {
        leave()
      }
    },
    get running() {
      return running
    },
    get waiting() {
      return queue.length
    },
    get refused() {
      return refused
    },
  }
}
