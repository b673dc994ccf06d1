import { retryInBackground } from '../background.ts'
import { IdempotencyError } from '../errors.ts'
import type {
  Checkpoint,
  ClaimHandle,
  ClaimRequest,
  ClaimResult,
  ClaimState,
  Completion,
  ForgetRequest,
  IdempotencyStore,
  LeaseTimes,
  ListRequest,
  OperatorResult,
  RecordPage,
  RecordSummary,
  RecordView,
  Resolution,
  StepResult,
} from '../store.ts'
import { claimant, finishedRecord } from './arguments.ts'
import { CircuitBreaker } from './breaker.ts'
import { readClaimReply } from './claim-reply.ts'
import { DurableConnection } from './durability.ts'
import { EncryptedStore } from './encrypted-store.ts'
import { PayloadCipher } from './encryption.ts'
import { EvictionCheck } from './eviction.ts'
import { decodeRecord } from './record-codec.ts'
import { readOperatorReply } from './operator-reply.ts'
import { resolveRedisOptions } from './redis-options.ts'
import type { RedisStoreOptions, ResolvedRedisOptions } from './redis-options.ts'
import type { RedisArgument, RedisPort } from './redis-port.ts'
import { scanPage } from './scan-page.ts'
import { isServerReply } from './script-runner.ts'
import { checkpointScript } from './scripts/checkpoint.ts'
import { claimScript } from './scripts/claim.ts'
import { completeScript } from './scripts/complete.ts'
import { forgetScript } from './scripts/forget.ts'
import { inspectScript } from './scripts/inspect.ts'
import { stateBytes } from './scripts/layout.ts'
import { markScript } from './scripts/mark.ts'
import { releaseScript } from './scripts/release.ts'
import { renewScript } from './scripts/renew.ts'
import { resolveScript } from './scripts/resolve.ts'
import type { ScriptForms } from './scripts/script.ts'
import { standings } from './scripts/standing.ts'
import { summarizeScript } from './scripts/summarize.ts'
import { ServerLink } from './server-link.ts'
import type { CallHandling } from './server-link.ts'

/** The store of {@link redisStore}. */
export interface RedisIdempotencyStore extends IdempotencyStore {
  /**
   * Asks the server now whether it can be trusted with claims. For the start of a process and for
   * its health check; no call depends on it.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_STORE_UNSAFE` (only with `checkEviction:
   * 'error'`) or `IDEMPOTENCY_STORE_UNAVAILABLE`.
   */
  ready(): Promise<void>
}

/**
 * So many claims without an answer are taken back at the same time; further ones just lapse. More
 * than a process has requests under way when Redis stops: the circuit opens only after a deadline.
 */
const withdrawalsMax = 100_000
/**
 * Taking one back is tried for about 16 minutes: under a preset that rejects what is unknown, a
 * claim that nobody owns would block its key until an operator looks.
 */
const withdrawalAttempts = 200

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
export function redisStore(options: RedisStoreOptions): RedisIdempotencyStore {
  const resolved = resolveRedisOptions(options)
  const store = new RedisStore(resolved)
  const { encryption } = resolved
  return encryption === undefined ? store : new EncryptedStore(store, new PayloadCipher(encryption))
}

class RedisStore implements RedisIdempotencyStore {
  readonly #client: RedisPort
  readonly #link: ServerLink
  /** For what must not be forgotten in a failover: claims, commit points and checkpoints. */
  readonly #durable: ServerLink
  readonly #prefix: string
  readonly #eviction: EvictionCheck
  #withdrawals = 0

  constructor(options: ResolvedRedisOptions) {
    const { client, prefix, deadlineMs, checkEviction, durability } = options
    const breaker =
      options.breaker === false ? undefined : new CircuitBreaker(options.breaker, 2 * deadlineMs)
    this.#client = client
    this.#link = new ServerLink({ client, deadlineMs, breaker })
    this.#durable =
      durability === undefined
        ? this.#link
        : new ServerLink({ client: new DurableConnection(durability), deadlineMs, breaker })
    this.#prefix = prefix
    this.#eviction = new EvictionCheck(client, checkEviction, deadlineMs)
  }

  ready(): Promise<void> {
    return this.#eviction.ask()
  }

  claim(request: ClaimRequest): Promise<ClaimResult> {
    let approval: Promise<void> | undefined
    try {
      this.#link.admit(this.#prefix + request.id)
      approval = this.#eviction.approval()
    } catch (error) {
      return Promise.reject(error)
    }
    const claim = this.#claim(request)
    return approval === undefined ? claim : this.#approved(claim, approval, request)
  }

  async #approved(
    claim: Promise<ClaimResult>,
    approval: Promise<void>,
    request: ClaimRequest,
  ): Promise<ClaimResult> {
    // It settles beside the claim, and may do so first.
    approval.catch(() => undefined)
    const result = await claim
    try {
      await approval
    } catch (error) {
      this.#withdraw(request)
      throw error
    }
    return result
  }

  #claim(request: ClaimRequest): Promise<ClaimResult> {
    const { leaseMs, graceMs, minted } = request
    const args: RedisArgument[] = [claimant(request), String(leaseMs + graceMs), String(leaseMs)]
    if (minted !== undefined) args.push(minted.atMs + minted.knownForMs)
    return this.#durable.run(claimScript, this.#prefix + request.id, args, {
      read: readClaimReply,
      onFailure: (error) => {
        if (!isServerReply(causeOf(error))) this.#withdraw(request)
      },
      onLateReply: this.#durable.isCluster
        ? (reply) => {
            // A Cluster's client may hold a claim back and let its withdrawal pass by.
            if (readClaimReply(reply).verdict === 'acquired') this.#withdraw(request)
          }
        : undefined,
    })
  }

  renew(handle: ClaimHandle, { leaseMs, graceMs }: LeaseTimes): Promise<StepResult> {
    return this.#step(renewScript, handle.id, [bytes(handle.token), leaseMs, graceMs])
  }

  mark(
    handle: ClaimHandle,
    state: ClaimState | 'indeterminate',
    { leaseMs, graceMs }: LeaseTimes,
  ): Promise<StepResult> {
    const args = [bytes(handle.token), stateBytes[state], leaseMs, graceMs]
    const link = state === 'committed' ? this.#durable : this.#link
    return this.#step(markScript, handle.id, args, link)
  }

  checkpoint(handle: ClaimHandle, checkpoint: Checkpoint): Promise<StepResult> {
    const { leaseMs, graceMs, payload } = checkpoint
    const args = [bytes(handle.token), leaseMs, graceMs, bytes(payload)]
    return this.#step(checkpointScript, handle.id, args, this.#durable)
  }

  complete(handle: ClaimHandle, completion: Completion): Promise<StepResult> {
    const args = [finishedRecord(handle, completion), String(completion.retentionMs)]
    return this.#step(completeScript, handle.id, args)
  }

  release(handle: Pick<ClaimHandle, 'id' | 'token'>): Promise<StepResult> {
    return this.#step(releaseScript, handle.id, [bytes(handle.token)])
  }

  async inspect(id: string): Promise<RecordView | undefined> {
    const [record, nowMs, expiresInMs] = (await this.#run(inspectScript, id, [])) as [
      Buffer | null,
      number,
      number,
    ]
    if (record === null) return undefined
    const view = decodeRecord(id, record, nowMs, expiresInMs)
    if (view !== undefined) return view
    throw new IdempotencyError(
      'IDEMPOTENCY_RECORD_UNREADABLE',
      `the record ${id} is corrupt or of another version`,
    )
  }

  async listIndeterminate({ cursor, scanCount }: ListRequest): Promise<RecordPage> {
    const scan = scanPage(this.#client, this.#prefix, scanCount, cursor)
    const page = await this.#link.settle(scan, 'scan')
    const looks = page.keys.map((key) => this.#summarize(key.slice(this.#prefix.length)))
    const records = (await Promise.all(looks)).filter((record) => record !== undefined)
    return { records, cursor: page.cursor }
  }

  async resolve(resolution: Resolution): Promise<OperatorResult> {
    const reply = await this.#run(resolveScript, resolution.id, [
      bytes(resolution.token),
      stateBytes[resolution.omitted ? 'tombstone' : 'completed'],
      resolution.retentionMs,
      resolution.ifFence ?? '',
      bytes(resolution.payload),
    ])
    return readOperatorReply(reply)
  }

  async forget({ id, ifStanding, ifFence }: ForgetRequest): Promise<OperatorResult> {
    const args = [standings.indexOf(ifStanding) + 1, ifFence ?? '']
    return readOperatorReply(await this.#run(forgetScript, id, args))
  }

  async #summarize(id: string): Promise<RecordSummary | undefined> {
    const reply = await this.#run(summarizeScript, id, [])
    if (reply === null) return undefined
    const [header, nowMs, expiresInMs] = reply as [Buffer, number, number]
    const view = decodeRecord(id, header, nowMs, expiresInMs)
    if (view === undefined) return undefined
    const { fingerprint: _, payload: __, ...summary } = view
    return summary
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
    this.#durable.runLate(releaseScript, key, [bytes(request.token)]).then(finish, () => {
      const release = async (): Promise<void> => {
        await this.release(request)
        finish()
      }
      retryInBackground(release, finish, withdrawalAttempts)
    })
  }

  #step(
    script: ScriptForms,
    id: string,
    args: RedisArgument[],
    link: ServerLink = this.#link,
  ): Promise<StepResult> {
    return link.run(script, this.#prefix + id, args, stepReply)
  }

  #run(script: ScriptForms, id: string, args: RedisArgument[]): Promise<unknown> {
    return this.#link.run(script, this.#prefix + id, args, anyReply)
  }
}

const stepReply: CallHandling<StepResult> = { read: (reply) => (reply === 1 ? 'ok' : 'stale') }
const anyReply: CallHandling<unknown> = { read: (reply) => reply }

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined
}

function bytes(value: Uint8Array): Buffer {
  if (Buffer.isBuffer(value)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
