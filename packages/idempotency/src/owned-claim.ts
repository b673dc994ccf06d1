import { retryInBackground } from './background.ts'
import type { IdempotencyContext, SettledOutcome } from './context.ts'
import { IdempotencyError } from './errors.ts'
import type { IdempotencyEvent, LossReason } from './events.ts'
import { Heartbeat } from './heartbeat.ts'
import type { HeartbeatOwner } from './heartbeat.ts'
import type { Claim } from './operation.ts'
import type { Probe, ResolvedPolicy } from './options.ts'
import { Steps } from './steps.ts'
import type { StepResults } from './steps.ts'
import type { ClaimHandle, IdempotencyStore, StepResult } from './store.ts'
import type { Subject } from './subject.ts'

/** What a claim is made of. */
export interface OwnedClaimParts {
  readonly subject: Subject
  readonly handle: ClaimHandle
  /** What earlier owners have recorded. */
  readonly steps: StepResults
  readonly store: IdempotencyStore
  readonly policy: ResolvedPolicy
  /** Nobody listens where there is none. */
  readonly emit: ((event: IdempotencyEvent) => void) | undefined
  readonly probe: Probe | undefined
}

type Ending = 'completed' | 'tombstoned' | 'released' | 'abandoned'

/**
 * A claim that the store has given to this process. What only few handlers ask for, the context and
 * its signal among it, is made when it is asked for.
 */
export class OwnedClaim implements Claim, HeartbeatOwner {
  readonly degraded = false
  readonly leaseMs: number
  readonly executionMaxMs: number
  readonly #parts: OwnedClaimParts
  readonly #heartbeat: Heartbeat
  #context: IdempotencyContext | undefined
  #abort: AbortController | undefined
  /** Why the claim is lost, once it is. */
  #loss: IdempotencyError | undefined
  #committed: boolean
  #requested: SettledOutcome | undefined
  #ended = false

  constructor(parts: OwnedClaimParts) {
    const { handle, policy } = parts
    this.leaseMs = policy.leaseMs
    this.executionMaxMs = policy.executionMaxMs
    this.#parts = parts
    this.#committed = policy.commitPoint === 'start'
    this.#report(handle.attempt === 1 ? 'claimed' : 'reclaimed')
    this.#heartbeat = new Heartbeat(this)
  }

  get context(): IdempotencyContext {
    this.#context ??= this.#createContext()
    return this.#context
  }

  get committed(): boolean {
    return this.#committed
  }

  get requestedOutcome(): SettledOutcome | undefined {
    return this.#requested
  }

  renew(): Promise<StepResult> {
    const { handle, policy, store } = this.#parts
    return store.renew(handle, policy)
  }

  onLost(reason: LossReason): void {
    this.#lose(reason)
  }

  complete(payload: Uint8Array, options: { readonly omitted?: boolean } = {}): Promise<void> {
    const { handle, policy, probe, store } = this.#parts
    const omitted = options.omitted ?? false
    const completion = { payload, omitted, retentionMs: policy.retentionMs }
    const complete = (): Promise<StepResult> => store.complete(handle, completion)
    const ending = omitted ? 'tombstoned' : 'completed'
    if (probe === undefined) return this.#end(ending, complete)
    return this.#endProbed(ending, complete, probe)
  }

  /**
   * Makes an ordinary claim of a recovery that found the effect not to have happened. `stale` if
   * the claim is another's by now, or is renewed no more: its handler would soon have company.
   *
   * @throws IdempotencyError with code `IDEMPOTENCY_STORE_UNAVAILABLE`.
   */
  async restart(): Promise<StepResult> {
    const { handle, policy, store } = this.#parts
    if (this.#loss !== undefined) {
      await this.abandon()
      return 'stale'
    }
    const state = policy.commitPoint === 'start' ? 'committed' : 'started'
    const result = await store.mark(handle, state, policy)
    if (result === 'stale') {
      this.#heartbeat.stop()
      this.#lose('replaced')
    }
    return result
  }

  release(): Promise<void> {
    const { handle, store } = this.#parts
    // Who lost its claim in the middle of the effect does not know how far it came: an answer such
    // as 409, made of that loss, must not hand the key to the next execution.
    const isCutOff = this.#committed && this.#loss !== undefined
    if (isCutOff && this.#requested !== 'release') return this.abandon()
    return this.#end('released', () => store.release(handle))
  }

  abandon(): Promise<void> {
    const { handle, policy, store } = this.#parts
    return this.#end('abandoned', () => store.mark(handle, 'indeterminate', policy))
  }

  stop(): void {
    this.#heartbeat.stop()
  }

  async #endProbed(ending: Ending, step: () => Promise<StepResult>, probe: Probe): Promise<void> {
    await probe('claim.completing', this.context)
    await this.#end(ending, step)
    await probe('claim.completed', this.context)
  }

  async #end(ending: Ending, step: () => Promise<StepResult>): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#heartbeat.stop()
    try {
      this.#settled(ending, await step())
    } catch (cause) {
      // The effect has happened and the caller needs its result: what is missing is only the
      // record.
      this.#report('settle_failed', cause)
      const settle = async (): Promise<void> => this.#settled(ending, await step())
      retryInBackground(settle, (last) => this.#report('settle_abandoned', last))
    }
  }

  #settled(ending: Ending, result: StepResult): void {
    if (result === 'ok') this.#report(ending)
    else this.#lose('replaced')
  }

  async #commit(): Promise<void> {
    if (this.#committed) return
    const { handle, policy, store } = this.#parts
    this.#assertHeld()
    if ((await store.mark(handle, 'committed', policy)) === 'stale') {
      this.#lose('replaced')
      this.#assertHeld()
    }
    this.#committed = true
  }

  async #checkpoint(payload: Uint8Array): Promise<void> {
    const { handle, policy, store } = this.#parts
    this.#assertHeld()
    const { leaseMs, graceMs } = policy
    if ((await store.checkpoint(handle, { payload, leaseMs, graceMs })) === 'ok') return
    this.#lose('replaced')
    this.#assertHeld()
  }

  #assertHeld(): void {
    if (this.#loss === undefined && !this.#ended) return
    throw new IdempotencyError(
      'IDEMPOTENCY_LEASE_LOST',
      'another request may own this key now; do not begin the effect',
    )
  }

  #lose(reason: LossReason): void {
    if (this.#loss !== undefined) return
    this.#loss = new IdempotencyError(
      'IDEMPOTENCY_LEASE_LOST',
      `the claim of this key is lost (${reason})`,
    )
    const { handle, subject, emit } = this.#parts
    const { attempt, fence } = handle
    const { id, operation } = subject
    emit?.({ type: 'lease_lost', id, operation, attempt, fence, reason })
    this.#abort?.abort(this.#loss)
  }

  #signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#loss !== undefined) this.#abort.abort(this.#loss)
    }
    return this.#abort.signal
  }

  #report(type: 'claimed' | 'reclaimed' | Ending): void
  #report(type: 'settle_failed' | 'settle_abandoned', cause: unknown): void
  #report(type: string, cause?: unknown): void {
    const { handle, subject, emit } = this.#parts
    if (emit === undefined) return
    const { attempt, fence } = handle
    const owner = { id: subject.id, operation: subject.operation, attempt, fence }
    emit({ type, ...owner, ...(cause === undefined ? {} : { cause }) } as IdempotencyEvent)
  }

  #steps(): Steps {
    const { policy, steps } = this.#parts
    return new Steps({
      results: steps,
      stepsMax: policy.stepsMax,
      stepsMaxBytes: policy.stepsMaxBytes,
      mayBegin: () => this.#assertHeld(),
      record: (checkpoint) => this.#checkpoint(checkpoint),
    })
  }

  #createContext(): IdempotencyContext {
    const { handle, subject } = this.#parts
    const signal = (): AbortSignal => this.#signal()
    let steps: Steps | undefined
    return {
      ...subject,
      attempt: handle.attempt,
      fence: handle.fence,
      degraded: false,
      get signal() {
        return signal()
      },
      commitPoint: () => this.#commit(),
      step: (name, work) => {
        steps ??= this.#steps()
        return steps.run(name, work)
      },
      setOutcome: (outcome) => {
        this.#requested = outcome
      },
    }
  }
}
