import { IdempotencyError } from '../errors.ts'
import type {
  Checkpoint,
  ClaimHandle,
  ClaimRequest,
  ClaimResult,
  ClaimState,
  Completion,
  ForgetRequest,
  LeaseTimes,
  ListRequest,
  OperatorResult,
  RecordPage,
  RecordView,
  Resolution,
  StepResult,
} from '../store.ts'
import type { PayloadCipher } from './encryption.ts'
import type { RedisIdempotencyStore } from './redis-store.ts'

/**
 * A store whose results and checkpoints are encrypted before they leave this process. What cannot be
 * decrypted is unreadable: it blocks its key, like any record that cannot be trusted.
 */
export class EncryptedStore implements RedisIdempotencyStore {
  readonly #store: RedisIdempotencyStore
  readonly #cipher: PayloadCipher

  constructor(store: RedisIdempotencyStore, cipher: PayloadCipher) {
    this.#store = store
    this.#cipher = cipher
  }

  ready(): Promise<void> {
    return this.#store.ready()
  }

  async claim(request: ClaimRequest): Promise<ClaimResult> {
    const { id } = request
    const result = await this.#store.claim(request)
    if (result.verdict === 'completed') {
      const payload = this.#cipher.open(id, 'result', result.payload)
      return payload === undefined ? unreadable : { ...result, payload }
    }
    if (result.verdict !== 'acquired' || result.checkpoint.byteLength === 0) return result
    const checkpoint = this.#cipher.open(id, 'checkpoint', result.checkpoint)
    if (checkpoint !== undefined) return { ...result, checkpoint }
    // Without the steps of earlier owners their effects would be repeated. The record keeps them.
    await this.#store.release({ ...request, fence: result.fence, attempt: result.attempt })
    return unreadable
  }

  renew(handle: ClaimHandle, lease: LeaseTimes): Promise<StepResult> {
    return this.#store.renew(handle, lease)
  }

  mark(
    handle: ClaimHandle,
    state: ClaimState | 'indeterminate',
    lease: LeaseTimes,
  ): Promise<StepResult> {
    return this.#store.mark(handle, state, lease)
  }

  checkpoint(handle: ClaimHandle, checkpoint: Checkpoint): Promise<StepResult> {
    const payload = this.#cipher.seal(handle.id, 'checkpoint', checkpoint.payload)
    return this.#store.checkpoint(handle, { ...checkpoint, payload })
  }

  complete(handle: ClaimHandle, completion: Completion): Promise<StepResult> {
    const payload = this.#cipher.seal(handle.id, 'result', completion.payload)
    return this.#store.complete(handle, { ...completion, payload })
  }

  release(handle: ClaimHandle): Promise<StepResult> {
    return this.#store.release(handle)
  }

  async inspect(id: string): Promise<RecordView | undefined> {
    const view = await this.#store.inspect(id)
    if (view === undefined) return undefined
    const isFinished = view.standing === 'completed' || view.standing === 'tombstone'
    if (!isFinished && view.payload.byteLength === 0) return view
    const payload = this.#cipher.open(id, isFinished ? 'result' : 'checkpoint', view.payload)
    if (payload !== undefined) return { ...view, payload }
    throw new IdempotencyError(
      'IDEMPOTENCY_RECORD_UNREADABLE',
      `the record ${id} cannot be decrypted: it was changed, or its key is not here`,
    )
  }

  listIndeterminate(request: ListRequest): Promise<RecordPage> {
    return this.#store.listIndeterminate(request)
  }

  resolve(resolution: Resolution): Promise<OperatorResult> {
    const payload = this.#cipher.seal(resolution.id, 'result', resolution.payload)
    return this.#store.resolve({ ...resolution, payload })
  }

  forget(request: ForgetRequest): Promise<OperatorResult> {
    return this.#store.forget(request)
  }
}

const unreadable: ClaimResult = { verdict: 'indeterminate', reason: 'unreadable' }
