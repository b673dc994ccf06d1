import { IdempotencyError } from '../errors.ts'
import { standingOf } from '../standing.ts'
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
  RecordState,
  RecordSummary,
  RecordView,
  Resolution,
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
  token: string
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

const nothing: Uint8Array = new Uint8Array(0)

/** Stands for the owner of a record whose owner has given it up. */
const nobody = ''

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
      const { minted } = request
      if (minted !== undefined && minted.atMs + minted.knownForMs <= nowMs) {
        return { verdict: 'expired' }
      }
      this.#makeRoom()
      const first = { attempt: 1, fence: nowMs * 1000, createdMs: nowMs, payload: nothing }
      return this.#write(request, nowMs, { ...first, state: request.state })
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
      return acquired(record)
    }
    const refusal = refuse(record, nowMs, request.onIndeterminate)
    if (refusal !== undefined) return refusal
    return this.#write(request, nowMs, {
      attempt: record.attempt + 1,
      fence: Math.max(record.fence + 1, nowMs * 1000),
      createdMs: record.createdMs,
      payload: record.payload,
      state: isRecovery(request, record) ? 'recovering' : request.state,
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
    state: ClaimState | 'indeterminate',
    lease: LeaseTimes,
  ): Promise<StepResult> {
    const record = this.#owned(handle)
    if (record === undefined || isFinished(record)) return 'stale'
    if (state !== 'indeterminate' && record.state === 'indeterminate') return 'stale'
    if (state === 'started' && record.state === 'committed') return 'stale'
    record.state = state
    this.#prolong(record, state === 'indeterminate' ? { ...lease, leaseMs: 0 } : lease)
    return 'ok'
  }

  async checkpoint(handle: ClaimHandle, checkpoint: Checkpoint): Promise<StepResult> {
    const record = this.#owned(handle)
    if (record === undefined || !isRunning(record)) return 'stale'
    record.payload = Uint8Array.from(checkpoint.payload)
    this.#prolong(record, checkpoint)
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
    if (live === undefined || live.token === nobody) return 'ok'
    if (live.token !== tokenText(handle) || isFinished(live)) return 'stale'
    const isRecovery = live.state === 'recovering'
    if (!isRecovery && live.attempt === 1 && live.payload.byteLength === 0) {
      this.#records.delete(handle.id)
      return 'ok'
    }
    live.state = isRecovery ? 'indeterminate' : 'started'
    live.leaseUntilMs = this.#clock()
    live.token = nobody
    return 'ok'
  }

  async inspect(id: string): Promise<RecordView | undefined> {
    const record = this.#live(id)
    if (record === undefined) return undefined
    const { fingerprint, payload } = record
    return { ...this.#summary(id, record), fingerprint, payload }
  }

  /** All on one page: there are never more than `recordsMax`. */
  async listIndeterminate({ cursor }: ListRequest): Promise<RecordPage> {
    if (cursor !== undefined) {
      throw new IdempotencyError('IDEMPOTENCY_CURSOR_INVALID', 'the cursor is not one of a listing')
    }
    const records: RecordSummary[] = []
    for (const id of this.#records.keys()) {
      const record = this.#live(id)
      if (record === undefined) continue
      const summary = this.#summary(id, record)
      if (summary.standing === 'indeterminate') records.push(summary)
    }
    return { records, cursor: undefined }
  }

  async resolve(resolution: Resolution): Promise<OperatorResult> {
    const record = this.#live(resolution.id)
    if (record === undefined) return { outcome: 'absent' }
    const token = tokenText(resolution)
    if (isFinished(record) && record.token === token) return { outcome: 'done' }
    const refusal = this.#unexpected(record, 'indeterminate', resolution.ifFence)
    if (refusal !== undefined) return refusal
    const nowMs = this.#clock()
    this.#records.set(resolution.id, {
      ...record,
      state: resolution.omitted ? 'tombstone' : 'completed',
      fence: Math.max(record.fence + 1, nowMs * 1000),
      leaseUntilMs: nowMs,
      expiresAtMs: nowMs + resolution.retentionMs,
      token,
      payload: Uint8Array.from(resolution.payload),
    })
    return { outcome: 'done' }
  }

  async forget({ id, ifStanding, ifFence }: ForgetRequest): Promise<OperatorResult> {
    const record = this.#live(id)
    if (record === undefined) return { outcome: 'absent' }
    const refusal = this.#unexpected(record, ifStanding, ifFence)
    if (refusal !== undefined) return refusal
    this.#records.delete(id)
    return { outcome: 'done' }
  }

  #summary(id: string, record: MemoryRecord): RecordSummary {
    const nowMs = this.#clock()
    const leaseRemainingMs = record.leaseUntilMs - nowMs
    return {
      id,
      state: record.state,
      standing: standingOf(record.state, leaseRemainingMs),
      attempt: record.attempt,
      fence: record.fence,
      leaseRemainingMs,
      createdAt: new Date(record.createdMs),
      expiresInMs: record.expiresAtMs - nowMs,
    }
  }

  #unexpected(
    record: MemoryRecord,
    expected: ForgetRequest['ifStanding'],
    ifFence: number | undefined,
  ): OperatorResult | undefined {
    const standing = standingOf(record.state, record.leaseUntilMs - this.#clock())
    const { fence } = record
    const isExpected = standing === expected && (ifFence === undefined || ifFence === fence)
    return isExpected ? undefined : { outcome: 'refused', standing, fence }
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
    history: Pick<MemoryRecord, 'attempt' | 'fence' | 'createdMs' | 'state' | 'payload'>,
  ): ClaimResult {
    const record: MemoryRecord = {
      ...history,
      leaseUntilMs: nowMs + request.leaseMs,
      expiresAtMs: nowMs + request.leaseMs + request.graceMs,
      token: tokenText(request),
      fingerprint: Buffer.from(request.fingerprint),
    }
    this.#records.set(request.id, record)
    return acquired(record)
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
  onIndeterminate: ClaimRequest['onIndeterminate'],
): ClaimResult | undefined {
  const rejects = onIndeterminate === 'reject'
  if (record.state === 'indeterminate') {
    return rejects ? { verdict: 'indeterminate', reason: 'failed' } : undefined
  }
  const remainingMs = record.leaseUntilMs - nowMs
  if (remainingMs > 0) return { verdict: 'in_progress', remainingMs }
  if (record.state !== 'started' && rejects) return { verdict: 'indeterminate', reason: 'lapsed' }
  return undefined
}

function acquired({ fence, attempt, state, payload }: MemoryRecord): ClaimResult {
  const recovering = state === 'recovering'
  return { verdict: 'acquired', fence, attempt, recovering, checkpoint: payload }
}

function isRecovery(request: ClaimRequest, record: MemoryRecord): boolean {
  return request.onIndeterminate === 'recover' && record.state !== 'started'
}

function tokenText(holder: { readonly token: Uint8Array }): string {
  return Buffer.from(holder.token).toString('hex')
}

function isRunning(record: MemoryRecord): boolean {
  return record.state === 'started' || record.state === 'committed' || record.state === 'recovering'
}

function isFinished(record: MemoryRecord): boolean {
  return record.state === 'completed' || record.state === 'tombstone'
}
