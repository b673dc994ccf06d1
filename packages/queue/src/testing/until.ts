import { AssertionError } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'

const INTERVAL_MS = 20

/**
 * Resolves with the first value that is not `undefined` or `false`.
 *
 * @throws AssertionError after `timeoutMs`.
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > deadline) {
      throw new AssertionError({ message: `not within ${timeoutMs} ms: ${what}` })
    }
    await pause(INTERVAL_MS)
  }
}
