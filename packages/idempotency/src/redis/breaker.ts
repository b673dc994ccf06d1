import { IdempotencyError } from '../errors.ts'

/** When the store stops asking a Redis that does not answer; see `RedisStoreOptions.breaker`. */
export interface BreakerOptions {
  /**
   * So many calls in a row without an answer open the circuit. Too low: a single hiccup refuses
   * requests. Range 1…1 000.
   * @defaultValue 5
   */
  readonly failuresMax?: number
  /**
   * How long claims are refused at once, in milliseconds; then one is let through to try. Range
   * 1…60 000.
   * @defaultValue 1_000
   */
  readonly openMs?: number
}

interface Circuit {
  failures: number
  /** By the process's monotonic clock; claims before it are refused. */
  openUntil: number
}

/**
 * Refuses claims at once while Redis does not answer, so that an outage costs a request nothing
 * instead of a whole deadline. One circuit a lane, which is a master: a Cluster may have lost one of
 * three.
 *
 * Only claims ask {@link CircuitBreaker.admit}. What has happened already is always tried to be
 * recorded, and the first answer to anything closes the circuit.
 */
export class CircuitBreaker {
  readonly #failuresMax: number
  readonly #openMs: number
  readonly #trialMs: number
  readonly #circuits: Map<string, Circuit> = new Map()

  /** `trialMs`: how long the one call that is let through may take before another one is. */
  constructor({ failuresMax = 5, openMs = 1_000 }: BreakerOptions, trialMs: number) {
    this.#failuresMax = failuresMax
    this.#openMs = openMs
    this.#trialMs = trialMs
  }

  /** @throws IdempotencyError with code `IDEMPOTENCY_STORE_UNAVAILABLE` while the circuit is open. */
  admit(lane: string): void {
    const circuit = this.#circuits.get(lane)
    if (circuit === undefined || circuit.failures < this.#failuresMax) return
    const now = performance.now()
    if (now >= circuit.openUntil) {
      circuit.openUntil = now + this.#trialMs
      return
    }
    throw new IdempotencyError(
      'IDEMPOTENCY_STORE_UNAVAILABLE',
      `Redis failed ${circuit.failures} times in a row; it is asked again within ${this.#openMs} ms`,
    )
  }

  succeeded(lane: string): void {
    this.#circuits.delete(lane)
  }

  failed(lane: string): void {
    const circuit = this.#circuits.get(lane) ?? { failures: 0, openUntil: 0 }
    circuit.failures += 1
    if (circuit.failures >= this.#failuresMax) circuit.openUntil = performance.now() + this.#openMs
    this.#circuits.set(lane, circuit)
  }
}
