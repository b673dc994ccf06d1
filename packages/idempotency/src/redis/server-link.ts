import { IdempotencyError } from '../errors.ts'
import { TimerQueue, Waiting } from '../timer-queue.ts'
import type { CircuitBreaker } from './breaker.ts'
import { clusterSlot } from './cluster-slot.ts'
import { withinDeadline } from './deadline.ts'
import type { RedisArgument, RedisPort } from './redis-port.ts'
import { isServerReply, isUnknownScript, ScriptRunner } from './script-runner.ts'
import type { ScriptForms } from './scripts/script.ts'
import { TurnWriter } from './turn-writer.ts'

/** A client is told at most this often to connect anew. */
const reconnectPauseMs = 1_000

/** What a {@link ServerLink} is made of. */
export interface ServerLinkParts {
  readonly client: RedisPort
  readonly deadlineMs: number
  readonly breaker: CircuitBreaker | undefined
}

/** What to do with a call's answer. */
export interface CallHandling<T> {
  /** Makes the result of it. What it throws, the caller gets. */
  readonly read: (reply: unknown) => T
  /** Told before the caller is. The command may have run, or may still run. */
  readonly onFailure?: ((error: unknown) => void) | undefined
  /** Told of an answer that came when the caller had been told of a failure. */
  readonly onLateReply?: ((reply: unknown) => void) | undefined
}

/** One way to the server: every call settles within the deadline, with an answer or one error. */
export class ServerLink {
  readonly isCluster: boolean
  readonly #parts: ServerLinkParts
  readonly #scripts: ScriptRunner
  readonly #deadlines: TimerQueue
  readonly #turnWriter: TurnWriter
  #reconnectedAt = -Infinity

  constructor(parts: ServerLinkParts) {
    const { client, deadlineMs } = parts
    this.#parts = parts
    this.#scripts = new ScriptRunner(client)
    this.#deadlines = new TimerQueue(deadlineMs, true)
    this.#turnWriter = new TurnWriter(client, this.#deadlines)
    this.isCluster = client.nodes !== undefined
  }

  /** @throws IdempotencyError while this key's part of the server is known not to answer. */
  admit(key: string): void {
    this.#parts.breaker?.admit(this.#laneOf(key))
  }

  /**
   * One round trip; two after a restart, a failover or SCRIPT FLUSH. The second is made only while
   * the caller still waits: a claim that was given up is taken back behind the first one, and must
   * not run after that.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_STORE_UNAVAILABLE`.
   */
  run<T>(
    script: ScriptForms,
    key: string,
    args: readonly RedisArgument[],
    handling: CallHandling<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = new Call(this, this.#laneOf(key), script.plain.name, handling, resolve, reject)
      // Who asks alone is not kept waiting for others.
      if (!this.#deadlines.isEmpty) this.#turnWriter.gather()
      this.#deadlines.add(call)
      const answered = (reply: unknown): void => call.answered(reply)
      const failed = (cause: unknown): void => call.failed(cause)
      try {
        this.#scripts.run(script, key, args).then(answered, (cause: unknown) => {
          if (!isUnknownScript(cause) || !call.isQueued) return call.failed(cause)
          this.#scripts.teach(script, key, args).then(answered, failed)
        })
      } catch (cause) {
        call.failed(cause)
      }
    })
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
    try {
      await this.#scripts.run(script, key, args)
    } catch (cause) {
      if (!isUnknownScript(cause)) throw cause
      await this.#scripts.teach(script, key, args)
    }
  }

  /** @internal The server has answered a call, in whatever way. */
  answered(call: Waiting, lane: string, refusal: Error | undefined): void {
    this.#deadlines.remove(call)
    this.#parts.breaker?.succeeded(lane)
    if (refusal !== undefined) this.#leaveReplica(refusal)
  }

  /** @internal The server has not answered a call, and may do so still. */
  unanswered(call: Waiting, lane: string): void {
    this.#deadlines.remove(call)
    this.#parts.breaker?.failed(lane)
  }

  /** @internal */
  get deadlineMs(): number {
    return this.#parts.deadlineMs
  }

  /**
   * A primary that became a replica refuses to write and keeps its connections. Where a name leads
   * to the primary, only a new connection finds the new one.
   */
  #leaveReplica(cause: Error): void {
    const { client } = this.#parts
    if (this.isCluster || client.disconnect === undefined) return
    if (!/(^|-)READONLY /.test(cause.message)) return
    const now = performance.now()
    if (now - this.#reconnectedAt < reconnectPauseMs) return
    this.#reconnectedAt = now
    client.disconnect(true)
  }

  /** The master that the client would ask, as far as it says. */
  #laneOf(key: string): string {
    const { breaker, client } = this.#parts
    if (breaker === undefined || !this.isCluster) return 'server'
    return client.slots?.[clusterSlot(key)]?.[0] ?? 'unknown'
  }
}

/** A call under way, as long as it is queued for its deadline. */
class Call<T> extends Waiting {
  readonly #link: ServerLink
  readonly #lane: string
  readonly #what: string
  readonly #handling: CallHandling<T>
  readonly #resolve: (result: T) => void
  readonly #reject: (error: unknown) => void

  constructor(
    link: ServerLink,
    lane: string,
    what: string,
    handling: CallHandling<T>,
    resolve: (result: T) => void,
    reject: (error: unknown) => void,
  ) {
    super()
    this.#link = link
    this.#lane = lane
    this.#what = what
    this.#handling = handling
    this.#resolve = resolve
    this.#reject = reject
  }

  answered(reply: unknown): void {
    const { onLateReply, read } = this.#handling
    if (!this.isQueued) return onLateReply?.(reply)
    this.#link.answered(this, this.#lane, undefined)
    try {
      this.#resolve(read(reply))
    } catch (error) {
      this.#fail(error)
    }
  }

  failed(cause: unknown): void {
    if (!this.isQueued) return
    if (isServerReply(cause)) this.#link.answered(this, this.#lane, cause)
    else this.#link.unanswered(this, this.#lane)
    if (IdempotencyError.is(cause)) this.#fail(cause)
    else this.#fail(unavailable(`Redis refused '${this.#what}'`, cause))
  }

  override onDue(): void {
    this.#link.unanswered(this, this.#lane)
    this.#fail(
      unavailable(`Redis did not answer '${this.#what}' within ${this.#link.deadlineMs} ms`),
    )
  }

  #fail(error: unknown): void {
    this.#handling.onFailure?.(error)
    this.#reject(error)
  }
}

/** The one error of a store that could not do what it was asked. */
export function unavailable(message: string, cause?: unknown): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', message, { cause })
}
