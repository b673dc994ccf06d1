import { retryInBackground } from '../background.ts'
import { IdempotencyError } from '../errors.ts'
import type {
  ClaimHandle,
  ClaimRequest,
  ClaimResult,
  Completion,
  IdempotencyStore,
  LeaseTimes,
  RecordView,
  StepResult,
} from '../store.ts'
import { readClaimReply } from './claim-reply.ts'
import { withinDeadline } from './deadline.ts'
import { decodeRecord, stateBytes } from './record-codec.ts'
import type { RedisArgument, RedisPort } from './redis-port.ts'
import { isServerReply, ScriptRunner } from './script-runner.ts'
import { claimScript } from './scripts/claim.ts'
import { completeScript } from './scripts/complete.ts'
import { inspectScript } from './scripts/inspect.ts'
import { markScript } from './scripts/mark.ts'
import { releaseScript } from './scripts/release.ts'
import { renewScript } from './scripts/renew.ts'
import type { ScriptForms } from './scripts/script.ts'

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  /** The connection; `Redis` or `Cluster` of ioredis, or anything with the same few methods. */
  readonly client: RedisPort
  /**
   * Begins every key. Without braces, so that a Cluster spreads the records.
   * @defaultValue 'idempotency:'
   */
  readonly prefix?: string
  /**
   * How long one step may take, in milliseconds, connection troubles included. Too short: a busy
   * Redis counts as down. Too long: requests wait for a Redis that is down. Range 1…60 000.
   * @defaultValue 250
   */
  readonly deadlineMs?: number
}

/** So many claims without an answer are taken back at the same time; further ones just lapse. */
const withdrawalsMax = 1_000

/**
 * Keeps records in Redis: one key a record, one script a step, the server's clock only.
 *
 * Made for Redis 7 and newer; an older server gets scripts without flags, and may then refuse to
 * record a result while it is full. Every call settles within `deadlineMs`. A claim without an
 * answer is taken back by its token, also when it runs late. Does not make Redis durable: records
 * can be lost in a failover, by eviction (use `maxmemory-policy noeviction`) or by FLUSHALL, so
 * money needs a second guard.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_OPTIONS_INVALID`.
 */
export function redisStore(options: RedisStoreOptions): IdempotencyStore {
  const { client, prefix = 'idempotency:', deadlineMs = 250 } = options
  if (typeof client?.callBuffer !== 'function') {
    throw invalid('client must have the method callBuffer, as Redis and Cluster of ioredis do')
  }
  if (!Number.isInteger(deadlineMs) || deadlineMs < 1 || deadlineMs > 60_000) {
    throw invalid(`deadlineMs must be an integer from 1 to 60000, not ${deadlineMs}`)
  }
  if (/[{}]/.test(prefix)) throw invalid(`prefix must not contain braces: ${prefix}`)
  return new RedisStore(client, prefix, deadlineMs)
}

function invalid(message: string): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_OPTIONS_INVALID', message)
}

class RedisStore implements IdempotencyStore {
  readonly #scripts: ScriptRunner
  readonly #prefix: string
  readonly #deadlineMs: number
  #withdrawals = 0

  constructor(client: RedisPort, prefix: string, deadlineMs: number) {
    this.#scripts = new ScriptRunner(client)
    this.#prefix = prefix
    this.#deadlineMs = deadlineMs
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const { token, fingerprint, leaseMs, graceMs, state, onIndeterminate } = request
    try {
      const reply = await this.#run(claimScript, request.id, [
        bytes(token),
        bytes(fingerprint),
        leaseMs,
        graceMs,
        stateBytes[state],
        onIndeterminate,
      ])
      return readClaimReply(reply)
    } catch (error) {
      if (!isServerReply(causeOf(error))) this.#withdraw(request)
      throw error
    }
  }

  async renew(handle: ClaimHandle, { leaseMs, graceMs }: LeaseTimes): Promise<StepResult> {
    return this.#step(renewScript, handle.id, [bytes(handle.token), leaseMs, graceMs])
  }

  async mark(
    handle: ClaimHandle,
    state: 'committed' | 'indeterminate',
    { leaseMs, graceMs }: LeaseTimes,
  ): Promise<StepResult> {
    const args = [bytes(handle.token), stateBytes[state], leaseMs, graceMs]
    return this.#step(markScript, handle.id, args)
  }

  async complete(handle: ClaimHandle, completion: Completion): Promise<StepResult> {
    return this.#step(completeScript, handle.id, [
      bytes(handle.token),
      bytes(handle.fingerprint),
      handle.attempt,
      handle.fence,
      stateBytes[completion.omitted ? 'tombstone' : 'completed'],
      completion.retentionMs,
      bytes(completion.payload),
    ])
  }

  async release(handle: Pick<ClaimHandle, 'id' | 'token'>): Promise<StepResult> {
    return this.#step(releaseScript, handle.id, [bytes(handle.token)])
  }

  async inspect(id: string): Promise<RecordView | undefined> {
    const [record, nowMs, expiresInMs] = (await this.#run(inspectScript, id, [])) as [
      Buffer | null,
      number,
      number,
    ]
    if (record === null) return undefined
    const view = decodeRecord(record, nowMs, expiresInMs)
    if (view !== undefined) return view
    throw unavailable(`the record ${id} is corrupt or of another version`)
  }

  /**
   * A claim without an answer may have run, or may run when the connection comes back, and nobody
   * would own it. A release on the same connection is queued behind it, and is repeated if that
   * connection fails too.
   */
  #withdraw(request: ClaimRequest): void {
    if (this.#withdrawals >= withdrawalsMax) return
    this.#withdrawals += 1
    const finish = (): void => {
      this.#withdrawals -= 1
    }
    const key = this.#prefix + request.id
    this.#scripts.run(releaseScript, key, [bytes(request.token)]).then(finish, () => {
      const release = async (): Promise<void> => {
        await this.release(request)
        finish()
      }
      retryInBackground(release, finish)
    })
  }

  async #step(script: ScriptForms, id: string, args: RedisArgument[]): Promise<StepResult> {
    return (await this.#run(script, id, args)) === 1 ? 'ok' : 'stale'
  }

  async #run(script: ScriptForms, id: string, args: RedisArgument[]): Promise<unknown> {
    const call = this.#scripts.run(script, this.#prefix + id, args)
    try {
      return await withinDeadline(call, this.#deadlineMs, script.plain.name)
    } catch (cause) {
      if (IdempotencyError.is(cause)) throw cause
      throw unavailable(`Redis refused '${script.plain.name}'`, cause)
    }
  }
}

function unavailable(message: string, cause?: unknown): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', message, { cause })
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined
}

function bytes(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
