import { degradedClaim } from './degraded-claim.ts'
import { IdempotencyError } from './errors.ts'
import type { IdempotencyEvent } from './events.ts'
import { executeWork } from './execute.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { Idempotency } from './idempotency.ts'
import { resolveKeyPolicy } from './key-policy.ts'
import type { ResolvedKeyPolicy } from './key-policy.ts'
import type { IdempotencyContext } from './context.ts'
import { packKnownResult } from './known-result.ts'
import type { KnownResult } from './known-result.ts'
import { mintedAt } from './minted-at.ts'
import type { ForgetCondition, ListOptions, RecordTarget, ResolveCondition } from './operator.ts'
import type { RecoverFunction, Recovery } from './recovery.ts'
import type { Decision, Operation, Outcome } from './operation.ts'
import { resolvePolicy } from './options.ts'
import type { IdempotencyOptions, PolicyOptions, ResolvedPolicy } from './options.ts'
import { OwnedClaim } from './owned-claim.ts'
import { recordId } from './record-id.ts'
import type { Scope } from './record-id.ts'
import { decodeSteps } from './steps.ts'
import type { StepResults } from './steps.ts'
import type {
  ClaimRequest,
  ClaimResult,
  Minted,
  OperatorResult,
  RecordPage,
  RecordView,
} from './store.ts'
import { createSubject } from './subject.ts'
import type { Subject } from './subject.ts'
import { randomToken } from './token.ts'

/**
 * Puts rules over a store. Holds no connection and starts nothing, so it needs no shutdown.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_OPTIONS_INVALID`.
 */
export function createIdempotency<Request = any>(
  options: IdempotencyOptions<Request>,
): Idempotency<Request> {
  return new ConfiguredIdempotency(options)
}

class ConfiguredIdempotency<Request> implements Idempotency<Request> {
  readonly policy: ResolvedPolicy
  readonly keyPolicy: ResolvedKeyPolicy
  readonly #options: IdempotencyOptions<Request>
  readonly #overridden: WeakMap<PolicyOptions, ResolvedPolicy> = new WeakMap()
  /** Events are not even made where nobody listens. */
  readonly #listener: ((event: IdempotencyEvent) => void) | undefined

  constructor(options: IdempotencyOptions<Request>) {
    if (options.scope !== 'dangerouslyGlobal' && typeof options.scope !== 'function') {
      throw new IdempotencyError(
        'IDEMPOTENCY_OPTIONS_INVALID',
        "scope must be a function that names the principal, or 'dangerouslyGlobal'",
      )
    }
    if (typeof options.store?.claim !== 'function') {
      throw new IdempotencyError(
        'IDEMPOTENCY_OPTIONS_INVALID',
        'store must be one made by redisStore() or memoryStore(), or an IdempotencyStore of your own',
      )
    }
    this.#options = options
    this.policy = resolvePolicy(options)
    this.keyPolicy = resolveKeyPolicy(options.key)
    this.#listener = options.onEvent === undefined ? undefined : (event) => this.#emit(event)
  }

  policyWith(overrides: PolicyOptions): ResolvedPolicy {
    let policy = this.#overridden.get(overrides)
    if (policy === undefined) {
      policy = resolvePolicy(overrides, this.policy)
      this.#overridden.set(overrides, policy)
    }
    return policy
  }

  execute<T>(
    operation: Operation<Request>,
    work: (context: IdempotencyContext) => Promise<T>,
    overrides?: PolicyOptions,
  ): Promise<Outcome<T>> {
    const { resultMaxBytes } = overrides === undefined ? this.policy : this.policyWith(overrides)
    return executeWork(() => this.begin(operation, overrides), work, resultMaxBytes)
  }

  async begin(operation: Operation<Request>, overrides?: PolicyOptions): Promise<Decision> {
    const policy = overrides === undefined ? this.policy : this.policyWith(overrides)
    // Everything is read from the request before the first await: a handler may change its body
    // later.
    const subject = this.#subjectOf(operation, policy)
    const request = claimRequest(subject, policy, this.keyPolicy)
    let result: ClaimResult
    try {
      result = await this.#options.store.claim(request)
    } catch (cause) {
      return this.#withoutStore(cause, subject, policy, request.minted)
    }
    if (result.verdict === 'acquired') {
      return this.#own(request, result, subject, policy, operation.request as Request)
    }
    if (isUnreadable(result) && policy.onStoreFailure === 'open') {
      // The store answers and cannot tell: no different, for this key, from a store that is down.
      const cause = new IdempotencyError(
        'IDEMPOTENCY_STORE_UNAVAILABLE',
        'the record is unreadable',
      )
      return this.#withoutStore(cause, subject, policy, request.minted)
    }
    return this.#refuse(result, subject)
  }

  #own(
    { id, token, fingerprint }: ClaimRequest,
    { fence, attempt, recovering, checkpoint }: Extract<ClaimResult, { verdict: 'acquired' }>,
    subject: Subject,
    policy: ResolvedPolicy,
    source: Request,
  ): Decision | Promise<Decision> {
    const { probe, store } = this.#options
    const steps = decodeSteps(checkpoint)
    const claim = new OwnedClaim({
      subject,
      handle: { id, token, fingerprint, fence, attempt },
      steps: steps ?? new Map(),
      store,
      policy,
      emit: this.#listener,
      probe,
    })
    if (steps !== undefined && probe === undefined && !recovering) {
      return { decision: 'execute', claim }
    }
    return this.#examine(claim, steps, subject, policy, recovering ? { source } : undefined)
  }

  /** A claim that is not simply executed. */
  async #examine(
    claim: OwnedClaim,
    steps: StepResults | undefined,
    subject: Subject,
    policy: ResolvedPolicy,
    recovered: { readonly source: Request } | undefined,
  ): Promise<Decision> {
    if (steps === undefined) {
      // Which steps were done is not known, so none of them may run again.
      await claim.abandon()
      return this.#refuse({ verdict: 'indeterminate', reason: 'unreadable' }, subject)
    }
    await this.#options.probe?.('claim.acquired', claim.context)
    if (recovered === undefined) return { decision: 'execute', claim }
    const { attempt, fence, signal } = claim.context
    const recovery = { ...subject, attempt, fence, signal, steps, request: recovered.source }
    return this.#recover(claim, recovery, policy)
  }

  async #recover(
    claim: OwnedClaim,
    recovery: Recovery<Request>,
    policy: ResolvedPolicy,
  ): Promise<Decision> {
    const { id, operation, attempt, fence } = recovery
    const owner = { id, operation, attempt, fence }
    const unknown = (): Decision =>
      this.#refuse({ verdict: 'indeterminate', reason: 'failed' }, recovery)
    try {
      const recover = policy.onIndeterminate as RecoverFunction<Request>
      const verdict = await recover(recovery)
      switch (verdict.outcome) {
        case 'store': {
          const payload = packKnownResult(verdict, policy.resultMaxBytes)
          this.#emit({ type: 'recovered', ...owner, outcome: verdict.outcome })
          await claim.complete(payload)
          return { decision: 'replay', payload, omitted: false }
        }
        case 'execute': {
          if ((await claim.restart()) === 'stale') return unknown()
          this.#emit({ type: 'recovered', ...owner, outcome: verdict.outcome })
          return { decision: 'execute', claim }
        }
        case 'indeterminate':
          this.#emit({ type: 'recovered', ...owner, outcome: verdict.outcome })
          await claim.abandon()
          return unknown()
        default:
          throw new IdempotencyError(
            'IDEMPOTENCY_RESULT_INVALID',
            `the recover function must give 'store', 'execute' or 'indeterminate'`,
          )
      }
    } catch (cause) {
      this.#emit({ type: 'recovery_failed', ...owner, cause })
      await claim.abandon()
      return unknown()
    }
  }

  async inspect(target: RecordTarget<Request>): Promise<RecordView | undefined> {
    return this.#options.store.inspect(this.#recordOf(target).id)
  }

  async listIndeterminate({ cursor, scanCount = 500 }: ListOptions = {}): Promise<RecordPage> {
    if (!Number.isInteger(scanCount) || scanCount < 1 || scanCount > 10_000) {
      throw new IdempotencyError(
        'IDEMPOTENCY_OPTIONS_INVALID',
        `scanCount must be an integer from 1 to 10000, not ${scanCount}`,
      )
    }
    return this.#options.store.listIndeterminate({ cursor, scanCount })
  }

  async resolve(
    target: RecordTarget<Request>,
    result: KnownResult,
    { ifFence }: ResolveCondition = {},
  ): Promise<OperatorResult> {
    const record = this.#recordOf(target)
    const { resultMaxBytes, retentionMs } = this.policy
    const payload = packKnownResult(result, resultMaxBytes)
    const completion = { payload, omitted: false, retentionMs }
    const token = randomToken()
    const answer = await this.#options.store.resolve({
      ...completion,
      id: record.id,
      token,
      ifFence,
    })
    if (answer.outcome === 'done') this.#emit({ type: 'resolved', ...record })
    return answer
  }

  async forget(
    target: RecordTarget<Request>,
    { ifStanding, ifFence }: ForgetCondition,
  ): Promise<OperatorResult> {
    const record = this.#recordOf(target)
    const answer = await this.#options.store.forget({ id: record.id, ifStanding, ifFence })
    if (answer.outcome === 'done') this.#emit({ type: 'forgotten', ...record })
    return answer
  }

  #recordOf(target: RecordTarget<Request>): { id: string; operation: string } {
    if ('id' in target) return { id: target.id, operation: '' }
    const { name, key } = target
    return { id: recordId(this.#scopeOf(target), name, key), operation: name }
  }

  #subjectOf(operation: Operation<Request>, policy: ResolvedPolicy): Subject {
    const { key, name, payload } = operation
    const { minLength, maxLength } = this.keyPolicy
    if (key.length < minLength || key.length > maxLength) {
      throw new IdempotencyError(
        'IDEMPOTENCY_KEY_INVALID',
        `the key must have ${minLength} to ${maxLength} characters, not ${key.length}`,
      )
    }
    const scope = this.#scopeOf(operation)
    return createSubject({
      id: recordId(scope, name, key),
      key,
      scope: scope === 'global' ? undefined : scope.principal,
      operation: name,
      fingerprint: fingerprintOf(payload, policy.payloadMaxBytes),
    })
  }

  #scopeOf(operation: Pick<Operation<Request>, 'request' | 'scope'>): Scope {
    const { scope } = this.#options
    if (operation.scope === undefined && scope === 'dangerouslyGlobal') return 'global'
    const principal =
      operation.scope ?? (scope as (request: Request) => unknown)(operation.request as Request)
    if (typeof principal === 'string' && principal !== '') return { principal }
    throw new IdempotencyError(
      'IDEMPOTENCY_SCOPE_MISSING',
      'the scope function must give a non-empty text for every request; authenticate first',
    )
  }

  #refuse(
    result: Exclude<ClaimResult, { verdict: 'acquired' }>,
    { id, operation }: Pick<Subject, 'id' | 'operation'>,
  ): Decision {
    const about = { id, operation }
    switch (result.verdict) {
      case 'completed':
        this.#emit({ type: 'replayed', ...about, omitted: result.omitted })
        return { decision: 'replay', payload: result.payload, omitted: result.omitted }
      case 'in_progress':
        this.#emit({ type: 'in_progress', ...about, remainingMs: result.remainingMs })
        return { decision: 'in_progress', retryAfterMs: result.remainingMs }
      case 'expired':
        this.#emit({ type: 'expired', ...about })
        return { decision: 'expired' }
      case 'mismatch':
        this.#emit({ type: 'mismatch', ...about })
        return { decision: 'mismatch' }
      case 'indeterminate':
        this.#emit({ type: 'indeterminate', ...about, reason: result.reason })
        return { decision: 'indeterminate', reason: result.reason }
    }
  }

  #withoutStore(
    cause: unknown,
    subject: Subject,
    policy: ResolvedPolicy,
    minted: Minted | undefined,
  ): Decision {
    const { id, operation } = subject
    const degraded = policy.onStoreFailure === 'open'
    this.#emit({ type: 'store_failed', id, operation, degraded, cause })
    // Only here the process' own clock has to do: there is no other one to ask.
    const isExpired = minted !== undefined && minted.atMs + minted.knownForMs <= Date.now()
    if (degraded && isExpired) return this.#refuse({ verdict: 'expired' }, subject)
    if (degraded) return { decision: 'execute', claim: degradedClaim(subject, policy) }
    const error = IdempotencyError.is(cause)
      ? cause
      : new IdempotencyError('IDEMPOTENCY_STORE_UNAVAILABLE', 'the store gave no answer', { cause })
    return { decision: 'unavailable', cause: error }
  }

  #emit(event: IdempotencyEvent): void {
    try {
      this.#options.onEvent?.(event)
    } catch (error) {
      // Observation must never change what happens to a payment.
      process.emitWarning(error instanceof Error ? error : String(error))
    }
  }
}

function claimRequest(
  { id, key, fingerprint }: Subject,
  policy: ResolvedPolicy,
  keyPolicy: ResolvedKeyPolicy,
): ClaimRequest {
  const { onIndeterminate } = policy
  const atMs = keyPolicy.expiry === 'off' ? undefined : mintedAt(key)
  // An absent record is new as long as no record of this key can have been forgotten: one that
  // was finished is kept for the retention, one that was cut off for the grace.
  const knownForMs = Math.min(policy.retentionMs, policy.graceMs)
  return {
    id,
    token: randomToken(),
    fingerprint,
    leaseMs: policy.leaseMs,
    graceMs: policy.graceMs,
    state: policy.commitPoint === 'start' ? 'committed' : 'started',
    onIndeterminate: typeof onIndeterminate === 'function' ? 'recover' : onIndeterminate,
    minted: atMs === undefined ? undefined : { atMs, knownForMs },
  }
}

function isUnreadable(result: ClaimResult): boolean {
  return result.verdict === 'indeterminate' && result.reason === 'unreadable'
}
