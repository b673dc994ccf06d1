import { unavailable } from '@payflow-app/service-kit'

/** So many may wait for one key; nobody's fingers are that fast. */
const WAITING_MAX = 64

/** Runs work under a key when the work before it, under the same key, has ended. */
export type OneAtATime = <T>(key: string, work: () => Promise<T>) => Promise<T>

/**
 * Creates the queue in front of one account's attempts. It decides nothing, for other processes have
 * queues of their own: it keeps somebody who logs in six times at once from being taken for somebody
 * who guesses, because each attempt is counted before it is looked at.
 */
export function createOneAtATime(): OneAtATime {
  const tails = new Map<string, { last: Promise<unknown>; length: number }>()
  return async (key, work) => {
    const line = tails.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= WAITING_MAX) throw unavailable('Too many attempts for one account at once')
    line.length += 1
    tails.set(key, line)
    const mine = line.last.then(work)
    line.last = mine.catch(() => undefined)
    try {
      return await mine
    } finally {
      line.length -= 1
      if (line.length === 0) tails.delete(key)
    }
  }
}
