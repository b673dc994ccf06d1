import { setTimeout as pause } from 'node:timers/promises'

const PAUSE_FIRST_MS = 250
const PAUSE_MAX_MS = 30_000

/**
 * Whether what every mail needs is out of reach. While it is, one mail is tried now and then instead
 * of all of them all the time. The pauses double from a quarter of a second to half a minute.
 */
export class Outage {
  #failures = 0
  #until = 0

  get isOn(): boolean {
    return this.#failures > 0
  }

  /** An attempt got through. */
  over(): void {
    this.#failures = 0
    this.#until = 0
  }

  /** An attempt did not get through. Those that were on their way together count once. */
  noticed(): void {
    if (performance.now() < this.#until) return
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** this.#failures)
    this.#failures += 1
    this.#until = performance.now() + pauseMs
  }

  /** Resolves when it is time for another attempt, or when `signal` aborts. */
  async pass(signal: AbortSignal): Promise<void> {
    const waitMs = this.#until - performance.now()
    if (waitMs > 0) await pause(waitMs, undefined, { signal }).catch(() => undefined)
  }
}
