import { IdempotencyError } from '../errors.ts'
import { withinDeadline } from './deadline.ts'
import type { RedisPort } from './redis-port.ts'

/** What to do about a Redis that may evict claims; see `RedisStoreOptions.checkEviction`. */
export type EvictionCheckMode = 'error' | 'warn' | 'off'

/** A good answer is asked for again after this time: the policy can be changed at any moment. */
const trustedMs = 60_000
/** A bad answer, or none, is asked for again after this time. */
const distrustedMs = 5_000

/**
 * Knows whether the server keeps what it was given. Claims always expire by themselves, which is
 * what `volatile-*` policies look for: filled with data of others, a Redis under `volatile-ttl` or
 * `volatile-lru` evicted 2 000 of 2 000 live claims, one under `allkeys-lru` 887.
 *
 * Asks with INFO, because managed servers often forbid CONFIG. Asks when it is asked and holds no
 * timer.
 */
export class EvictionCheck {
  readonly #client: RedisPort
  readonly #mode: EvictionCheckMode
  readonly #deadlineMs: number
  #askedAt = -Infinity
  #asking: Promise<void> | undefined
  /** Undefined: never answered. Null: answered well. */
  #refusal: IdempotencyError | null | undefined
  #warned: string | undefined

  constructor(client: RedisPort, mode: EvictionCheckMode, deadlineMs: number) {
    this.#client = client
    this.#mode = mode
    this.#deadlineMs = deadlineMs
  }

  /**
   * Undefined when claims may be made, as nearly always. Else a promise that settles within the
   * deadline and rejects when they must not be made. The question is on its way when this returns,
   * so that a claim sent at once costs no further round trip.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_STORE_UNSAFE` when that is known already.
   */
  approval(): Promise<void> | undefined {
    if (this.#mode === 'off') return undefined
    const ageMs = performance.now() - this.#askedAt
    if (this.#refusal === null) {
      if (ageMs >= trustedMs) this.ask().catch(() => undefined)
      return undefined
    }
    if (this.#refusal !== undefined && ageMs < distrustedMs) throw this.#refusal
    return this.ask()
  }

  /** Asks now. Rejects with `IDEMPOTENCY_STORE_UNSAFE` or `IDEMPOTENCY_STORE_UNAVAILABLE`. */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #ask(): Promise<void> {
    const complaint = await withinDeadline(this.#complaint(), this.#deadlineMs, 'INFO')
    this.#askedAt = performance.now()
    this.#refusal = null
    if (complaint === undefined || this.#mode === 'off') return
    if (this.#mode === 'error') {
      this.#refusal = new IdempotencyError('IDEMPOTENCY_STORE_UNSAFE', complaint)
      throw this.#refusal
    }
    if (this.#warned === complaint) return
    this.#warned = complaint
    process.emitWarning(complaint, { code: 'IDEMPOTENCY_STORE_UNSAFE' })
  }

  /** Every master of a Cluster is asked, since each has its own settings. */
  async #complaint(): Promise<string | undefined> {
    // A Cluster has its nodes when it has answered anything.
    const answers = [await this.#infoOf(this.#client)]
    const masters = this.#client.nodes?.('master') ?? []
    answers.push(...(await Promise.all(masters.map((node) => this.#infoOf(node)))))
    for (const info of answers) {
      const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
      if (policy === 'noeviction') continue
      const found = policy === undefined ? 'of Redis cannot be read' : `of Redis is ${policy}`
      return (
        `maxmemory-policy ${found}: it must be noeviction, or claims are forgotten and payments ` +
        "made twice. Set it, or accept the risk with checkEviction: 'off'"
      )
    }
    return undefined
  }

  async #infoOf(node: RedisPort): Promise<string> {
    try {
      return String(await (node.info === undefined ? node.callBuffer('INFO') : node.info()))
    } catch (cause) {
      if (/^(NOPERM|ERR unknown command)/.test(String((cause as Error).message))) return ''
      throw new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', "Redis refused 'INFO'", { cause })
    }
  }
}
