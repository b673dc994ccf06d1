import { AssertionError } from 'node:assert'
import { setTimeout as pause } from 'node:timers/promises'

const timeoutMs = 10_000
const intervalMs = 10

/**
 * Resolves with the first value that is not `undefined` or `false`. The suites judge time by the
 * clock of what they test, so they look again instead of waiting for a span of their own.
 *
 * @throws AssertionError after 10 seconds.
 */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > deadline) {
      throw new AssertionError({ message: `not within ${timeoutMs} ms: ${what}` })
    }
    await pause(intervalMs)
  }
}
