import { AssertionError } from 'node:assert'
import { randomBytes, randomUUID } from 'node:crypto'
import type {
  ClaimHandle,
  ClaimRequest,
  ClaimResult,
  Completion,
  IdempotencyStore,
  LeaseTimes,
} from '../../store.ts'
import { until } from '../until.ts'

/** One thing that a store must do, whatever it is made of. */
export interface StoreClause {
  /** A claim in the present tense; with the ids of docs/hazards.md that it guards against. */
  readonly title: string
  /** Rejects with what is wrong. The store may hold other records, none of these ids. */
  readonly check: (store: IdempotencyStore) => Promise<void>
}

/** A claim with every field set; a new id and token unless given. */
export function claimRequest(fields: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    id: randomUUID(),
    token: randomBytes(16),
    fingerprint: Buffer.alloc(32, 7),
    leaseMs: 60_000,
    graceMs: 60_000,
    state: 'committed',
    onIndeterminate: 'reject',
    ...fields,
  }
}

/**
 * Claims, and gives what its owner shows later.
 *
 * @throws AssertionError if the store gives the record to nobody.
 */
export async function acquire(
  store: IdempotencyStore,
  request: ClaimRequest,
): Promise<ClaimHandle> {
  const result = await store.claim(request)
  mustBe(result, 'acquired')
  return { ...request, fence: result.fence, attempt: result.attempt }
}

/** A claim by another request for the same record. */
export const rival = (request: ClaimRequest, fields: Partial<ClaimRequest> = {}): ClaimRequest => ({
  ...request,
  token: randomBytes(16),
  ...fields,
})

export const lease: LeaseTimes = { leaseMs: 60_000, graceMs: 60_000 }

export const completion = (text: string, omitted = false): Completion => ({
  payload: Buffer.from(text),
  omitted,
  retentionMs: 60_000,
})

/** Claims with a short lease and waits until the store's own clock says that it lapsed. */
export async function lapsed(
  store: IdempotencyStore,
  fields: Partial<ClaimRequest>,
): Promise<{ request: ClaimRequest; handle: ClaimHandle }> {
  const request = claimRequest({ leaseMs: 30, ...fields })
  const handle = await acquire(store, request)
  await leaseOver(store, request.id)
  return { request, handle }
}

/** Waits until a lease that is short is over, by the store's own clock. */
export async function leaseOver(store: IdempotencyStore, id: string): Promise<void> {
  await until('the lease is over', async () => {
    const view = await store.inspect(id)
    return view !== undefined && view.leaseRemainingMs <= 0
  })
}

/** Narrows a verdict, or says which one it is. */
export function mustBe<Verdict extends ClaimResult['verdict']>(
  result: ClaimResult,
  verdict: Verdict,
): asserts result is Extract<ClaimResult, { verdict: Verdict }> {
  if (result.verdict === verdict) return
  throw new AssertionError({
    message: 'the store gave another verdict',
    actual: result.verdict,
    expected: verdict,
    operator: 'strictEqual',
  })
}

export const textOf = (payload: Uint8Array | undefined): string | undefined =>
  payload === undefined ? undefined : Buffer.from(payload).toString('utf8')
