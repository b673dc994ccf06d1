import { IdempotencyError } from '../errors.ts'
import type {
  ClaimHandle,
  ClaimRequest,
  ClaimResult,
  Completion,
  IdempotencyStore,
  LeaseTimes,
  RecordState,
  RecordView,
  StepResult,
} from '../store.ts'

/** Options of {@link memoryStore}. */
export interface MemoryStoreOptions {
  /**
   * The store's clock, in milliseconds; give your own to let leases lapse in a test.
   * @defaultValue Date.now
   */
  readonly clock?: () => number
  /**
   * Most records kept at once. A claim beyond it fails as a full Redis does; finished records are
   * not dropped early. Range 1…1 000 000.
   * @defaultValue 10_000
   */
  readonly recordsMax?: number
}

interface MemoryRecord {
  state: RecordState
  attempt: number
  fence: number
  leaseUntilMs: number
  expiresAtMs: number
  readonly createdMs: number
  readonly token: string
  readonly fingerprint: Buffer
  payload: Uint8Array
}

/**
 * Keeps records in this process, under the same contract as the Redis store. For tests of your own
 * handlers: it protects nothing across processes or restarts.
 */
export function memoryStore(options: MemoryStoreOptions = {}): IdempotencyStore {
  const { clock = Date.now, recordsMax = 10_000 } = options
  if (!Number.isInteger(recordsMax) || recordsMax < 1 || recordsMax > 1_000_000) {
    throw new IdempotencyError(
      'IDEMPOTENCY_OPTIONS_INVALID',
      `recordsMax must be an integer from 1 to 1000000, not ${recordsMax}`,
    )
  }
  return new MemoryStore(clock, recordsMax)
}

class MemoryStore implements IdempotencyStore {
  readonly #clock: () => number
  readonly #recordsMax: number
  readonly #records: Map<string, MemoryRecord> = new Map()

  constructor(clock: () => number, recordsMax: number) {
    this.#clock = clock
    this.#recordsMax = recordsMax
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const nowMs = this.#clock()
    const record = this.#live(request.id)
    if (record === undefined) {
      this.#makeRoom()
      return this.#write(request, nowMs, { attempt: 1, fence: nowMs * 1000, createdMs: nowMs })
    }
    if (!record.fingerprint.equals(request.fingerprint)) return { verdict: 'mismatch' }
    if (record.state === 'completed' || record.state === 'tombstone') {
      return {
        verdict: 'completed',
        payload: record.payload,
        omitted: record.state === 'tombstone',
      }
    }
    if (record.token === tokenText(request) && record.state !== 'indeterminate') {
      return { verdict: 'acquired', fence: record.fence, attempt: record.attempt }
    }
    const refusal = refuse(record, nowMs, request.onIndeterminate)
    if (refusal !== undefined) return refusal
    return this.#write(request, nowMs, {
      attempt: record.attempt + 1,
      fence: Math.max(record.fence + 1, nowMs * 1000),
      createdMs: record.createdMs,
    })
  }

  async renew(handle: ClaimHandle, lease: LeaseTimes): Promise<StepResult> {
    const record = this.#owned(handle)
    if (record === undefined || !isRunning(record)) return 'stale'
    this.#prolong(record, lease)
    return 'ok'
  }

  async mark(
    handle: ClaimHandle,
    state: 'committed' | 'indeterminate',
    lease: LeaseTimes,
  ): Promise<StepResult> {
    const record = this.#owned(handle)
    if (record === undefined || isFinished(record)) return 'stale'
    if (state === 'committed' && record.state === 'indeterminate') return 'stale'
    record.state = state
    this.#prolong(record, state === 'committed' ? lease : { ...lease, leaseMs: 0 })
    return 'ok'
  }

  async complete(handle: ClaimHandle, completion: Completion): Promise<StepResult> {
    const live = this.#live(handle.id)
    if (live !== undefined && live.token !== tokenText(handle)) return 'stale'
    if (live !== undefined && isFinished(live)) return 'ok'
    const nowMs = this.#clock()
    this.#records.set(handle.id, {
      state: completion.omitted ? 'tombstone' : 'completed',
      attempt: handle.attempt,
      fence: handle.fence,
      leaseUntilMs: nowMs,
      expiresAtMs: nowMs + completion.retentionMs,
      createdMs: live?.createdMs ?? nowMs,
      token: tokenText(handle),
      fingerprint: Buffer.from(handle.fingerprint),
      payload: Uint8Array.from(completion.payload),
    })
    return 'ok'
  }

  async release(handle: ClaimHandle): Promise<StepResult> {
    const live = this.#live(handle.id)
    if (live === undefined) return 'ok'
    if (live.token !== tokenText(handle) || isFinished(live)) return 'stale'
    this.#records.delete(handle.id)
    return 'ok'
  }

  async inspect(id: string): Promise<RecordView | undefined> {
    const record = this.#live(id)
    if (record === undefined) return undefined
    const nowMs = this.#clock()
    return {
      state: record.state,
      attempt: record.attempt,
      fence: record.fence,
      leaseRemainingMs: record.leaseUntilMs - nowMs,
      createdAt: new Date(record.createdMs),
      expiresInMs: record.expiresAtMs - nowMs,
      fingerprint: record.fingerprint,
      payload: record.payload,
    }
  }

  #live(id: string): MemoryRecord | undefined {
    const record = this.#records.get(id)
    if (record === undefined || record.expiresAtMs > this.#clock()) return record
    this.#records.delete(id)
    return undefined
  }

  #owned(handle: ClaimHandle): MemoryRecord | undefined {
    const record = this.#live(handle.id)
    return record?.token === tokenText(handle) ? record : undefined
  }

  #write(
    request: ClaimRequest,
    nowMs: number,
    history: { attempt: number; fence: number; createdMs: number },
  ): ClaimResult {
    this.#records.set(request.id, {
      ...history,
      state: request.state,
      leaseUntilMs: nowMs + request.leaseMs,
      expiresAtMs: nowMs + request.leaseMs + request.graceMs,
      token: tokenText(request),
      fingerprint: Buffer.from(request.fingerprint),
      payload: new Uint8Array(0),
    })
    return { verdict: 'acquired', fence: history.fence, attempt: history.attempt }
  }

  #prolong(record: MemoryRecord, lease: LeaseTimes): void {
    const nowMs = this.#clock()
    record.leaseUntilMs = nowMs + lease.leaseMs
    record.expiresAtMs = record.leaseUntilMs + lease.graceMs
  }

  #makeRoom(): void {
    if (this.#records.size < this.#recordsMax) return
    for (const id of this.#records.keys()) this.#live(id)
    if (this.#records.size < this.#recordsMax) return
    throw new IdempotencyError(
      'IDEMPOTENCY_STORE_UNAVAILABLE',
      `the memory store is full: ${this.#recordsMax} records`,
    )
  }
}

function refuse(
  record: MemoryRecord,
  nowMs: number,
  onIndeterminate: 'reject' | 'execute',
): ClaimResult | undefined {
  const rejects = onIndeterminate === 'reject'
  if (record.state === 'indeterminate') {
    return rejects ? { verdict: 'indeterminate', reason: 'failed' } : undefined
  }
  const remainingMs = record.leaseUntilMs - nowMs
  if (remainingMs > 0) return { verdict: 'in_progress', remainingMs }
  if (record.state === 'committed' && rejects) return { verdict: 'indeterminate', reason: 'lapsed' }
  return undefined
}

function tokenText(holder: { readonly token: Uint8Array }): string {
  return Buffer.from(holder.token).toString('hex')
}

function isRunning(record: MemoryRecord): boolean {
  return record.state === 'started' || record.state === 'committed'
}

function isFinished(record: MemoryRecord): boolean {
  return record.state === 'completed' || record.state === 'tombstone'
}
