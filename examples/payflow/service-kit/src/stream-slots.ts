import { problem, unavailable } from './problem-error.ts'

/** Options of {@link createStreamSlots}. */
export interface StreamSlotsOptions {
  /** Streams one user may have open at a time. */
  readonly perUserMax: number
  /** Streams this process has open at a time. */
  readonly totalMax: number
  /** Sees each refusal: `user` or `process`, by whose limit it was. */
  readonly onRefused?: (by: 'user' | 'process') => void
}

/** Counts the streams that are open in this process. */
export interface StreamSlots {
  /**
   * Takes one and returns what gives it back; giving back twice gives back once.
   *
   * @throws {@link ProblemError} `rate-limited` (429) when the user has too many open,
   * `service-unavailable` (503) when the process has. Both say when to come back.
   */
  take(userId: string): () => void
  /** How many are open. */
  readonly open: number
}

/** A tab that is closed gives its stream back at once; a lost connection within minutes. */
const RETRY_AFTER_S = 5

/**
 * Creates the limit on streams that are open at a time: a rate limit counts requests, and one request
 * may stay for minutes.
 */
export function createStreamSlots(options: StreamSlotsOptions): StreamSlots {
  const { perUserMax, totalMax, onRefused = () => undefined } = options
  const byUser = new Map<string, number>()
  let open = 0
  const giveBack = (userId: string): void => {
    open -= 1
    const left = (byUser.get(userId) ?? 0) - 1
    if (left > 0) byUser.set(userId, left)
    else byUser.delete(userId)
  }
  return {
    get open() {
      return open
    },
    take(userId) {
      const own = byUser.get(userId) ?? 0
      if (own >= perUserMax) {
        onRefused('user')
        throw problem('rate-limited', {
          detail: `No more than ${perUserMax} streams at a time; close one first`,
          headers: { 'retry-after': String(RETRY_AFTER_S) },
        })
      }
      if (open >= totalMax) {
        onRefused('process')
        throw unavailable('No more streams can be opened at the moment', undefined, RETRY_AFTER_S)
      }
      open += 1
      byUser.set(userId, own + 1)
      let given = false
      return () => {
        if (given) return
        given = true
        giveBack(userId)
      }
    },
  }
}
