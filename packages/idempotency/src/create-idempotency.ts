import { randomBytes } from 'node:crypto'
import { degradedClaim } from './degraded-claim.ts'
import { IdempotencyError } from './errors.ts'
import type { IdempotencyEvent } from './events.ts'
import { executeWork } from './execute.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { Idempotency } from './idempotency.ts'
import { resolveKeyPolicy } from './key-policy.ts'
import type { ResolvedKeyPolicy } from './key-policy.ts'
import type { IdempotencyContext } from './context.ts'
import type { Decision, Operation, Outcome } from './operation.ts'
import { resolvePolicy } from './options.ts'
import type { IdempotencyOptions, PolicyOptions, ResolvedPolicy } from './options.ts'
import { OwnedClaim } from './owned-claim.ts'
import { recordId } from './record-id.ts'
import type { Scope } from './record-id.ts'
import type { ClaimRequest, ClaimResult, RecordView } from './store.ts'

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
    const request = this.#claimRequest(operation, policy)
    const subject = { id: request.id, operation: operation.name }
    let result: ClaimResult
    try {
      result = await this.#options.store.claim(request)
    } catch (cause) {
      return this.#withoutStore(cause, operation, request, policy)
    }
    if (isUnreadable(result) && policy.onStoreFailure === 'open') {
      // The store answers and cannot tell: no different, for this key, from a store that is down.
      const cause = new IdempotencyError(
        'IDEMPOTENCY_STORE_UNAVAILABLE',
        'the record is unreadable',
      )
      return this.#withoutStore(cause, operation, request, policy)
    }
    if (result.verdict !== 'acquired') return this.#refuse(result, subject)
    const claim = new OwnedClaim({
      ...subject,
      key: operation.key,
      handle: { ...request, fence: result.fence, attempt: result.attempt },
      store: this.#options.store,
      policy,
      emit: (event) => this.#emit(event),
      probe: this.#options.probe,
    })
    await this.#options.probe?.('claim.acquired', claim.context)
    return { decision: 'execute', claim }
  }

  async inspect(
    operation: Pick<Operation<Request>, 'name' | 'key' | 'request' | 'scope'>,
  ): Promise<RecordView | undefined> {
    return this.#options.store.inspect(
      recordId(this.#scopeOf(operation), operation.name, operation.key),
    )
  }

  #claimRequest(operation: Operation<Request>, policy: ResolvedPolicy): ClaimRequest {
    const { minLength, maxLength } = this.keyPolicy
    if (operation.key.length < minLength || operation.key.length > maxLength) {
      throw new IdempotencyError(
        'IDEMPOTENCY_KEY_INVALID',
        `the key must have ${minLength} to ${maxLength} characters, not ${operation.key.length}`,
      )
    }
    return {
      id: recordId(this.#scopeOf(operation), operation.name, operation.key),
      token: randomBytes(16),
      fingerprint: fingerprintOf(operation.payload, policy.payloadMaxBytes),
      leaseMs: policy.leaseMs,
      graceMs: policy.graceMs,
      state: policy.commitPoint === 'start' ? 'committed' : 'started',
      onIndeterminate: policy.onIndeterminate,
    }
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
    subject: { id: string; operation: string },
  ): Decision {
    switch (result.verdict) {
      case 'completed':
        this.#emit({ type: 'replayed', ...subject, omitted: result.omitted })
        return { decision: 'replay', payload: result.payload, omitted: result.omitted }
      case 'in_progress':
        this.#emit({ type: 'in_progress', ...subject, remainingMs: result.remainingMs })
        return { decision: 'in_progress', retryAfterMs: result.remainingMs }
      case 'mismatch':
        this.#emit({ type: 'mismatch', ...subject })
        return { decision: 'mismatch' }
      case 'indeterminate':
        this.#emit({ type: 'indeterminate', ...subject, reason: result.reason })
        return { decision: 'indeterminate', reason: result.reason }
    }
  }

  #withoutStore(
    cause: unknown,
    operation: Operation<Request>,
    request: ClaimRequest,
    policy: ResolvedPolicy,
  ): Decision {
    const degraded = policy.onStoreFailure === 'open'
    const subject = { id: request.id, operation: operation.name }
    this.#emit({ type: 'store_failed', ...subject, degraded, cause })
    if (degraded) return { decision: 'execute', claim: degradedClaim(request, operation.key) }
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

function isUnreadable(result: ClaimResult): boolean {
  return result.verdict === 'indeterminate' && result.reason === 'unreadable'
}
