import { IdempotencyError } from '../errors.ts'
import type { CircuitBreaker } from './breaker.ts'
import { clusterSlot } from './cluster-slot.ts'
import { withinDeadline } from './deadline.ts'
import type { RedisArgument, RedisPort } from './redis-port.ts'
import { isServerReply, ScriptRunner } from './script-runner.ts'
import type { ScriptForms } from './scripts/script.ts'

/** A client is told at most this often to connect anew. */
const reconnectPauseMs = 1_000

/** What a {@link ServerLink} is made of. */
export interface ServerLinkParts {
  readonly client: RedisPort
  readonly deadlineMs: number
  readonly breaker: CircuitBreaker | undefined
}

/** One way to the server: every call settles within the deadline, with an answer or one error. */
export class ServerLink {
  readonly #parts: ServerLinkParts
  readonly #scripts: ScriptRunner
  readonly #isCluster: boolean
  #reconnectedAt = -Infinity

  constructor(parts: ServerLinkParts) {
    this.#parts = parts
    this.#scripts = new ScriptRunner(parts.client)
    this.#isCluster = parts.client.nodes !== undefined
  }

  /** @throws IdempotencyError while this key's part of the server is known not to answer. */
  admit(key: string): void {
    this.#parts.breaker?.admit(this.#laneOf(key))
  }

  /** @throws IdempotencyError with code `IDEMPOTENCY_STORE_UNAVAILABLE`. */
  async run(script: ScriptForms, key: string, args: readonly RedisArgument[]): Promise<unknown> {
    const { breaker, deadlineMs } = this.#parts
    const { name } = script.plain
    const lane = this.#laneOf(key)
    let isWanted = true
    const call = this.#scripts.run(script, key, args, () => isWanted)
    try {
      const reply = await withinDeadline(call, deadlineMs, name)
      breaker?.succeeded(lane)
      return reply
    } catch (cause) {
      isWanted = false
      if (isServerReply(cause)) {
        breaker?.succeeded(lane)
        this.#leaveReplica(cause)
      } else {
        breaker?.failed(lane)
      }
      if (IdempotencyError.is(cause)) throw cause
      throw unavailable(`Redis refused '${name}'`, cause)
    }
  }

  /** Holds any other call to the deadline. */
  async settle<T>(call: Promise<T>, what: string): Promise<T> {
    try {
      return await withinDeadline(call, this.#parts.deadlineMs, what)
    } catch (cause) {
      if (IdempotencyError.is(cause)) throw cause
      throw unavailable(`Redis refused '${what}'`, cause)
    }
  }

  /** Without a deadline and whatever the circuit says, for what nobody waits for. */
  async runLate(script: ScriptForms, key: string, args: readonly RedisArgument[]): Promise<void> {
    await this.#scripts.run(script, key, args)
  }

  /**
   * A primary that became a replica refuses to write and keeps its connections. Where a name leads
   * to the primary, only a new connection finds the new one.
   */
  #leaveReplica(cause: Error): void {
    const { client } = this.#parts
    if (this.#isCluster || client.disconnect === undefined) return
    if (!/(^|-)READONLY /.test(cause.message)) return
    const now = performance.now()
    if (now - this.#reconnectedAt < reconnectPauseMs) return
    this.#reconnectedAt = now
    client.disconnect(true)
  }

  /** The master that the client would ask, as far as it says. */
  #laneOf(key: string): string {
    const { breaker, client } = this.#parts
    if (breaker === undefined || !this.#isCluster) return 'server'
    return client.slots?.[clusterSlot(key)]?.[0] ?? 'unknown'
  }
}

/** The one error of a store that could not do what it was asked. */
export function unavailable(message: string, cause?: unknown): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', message, { cause })
}
