import { IdempotencyError } from '../errors.ts'
import type { ClaimResult, IndeterminateReason } from '../store.ts'
import { claimReply } from './scripts/claim.ts'

const reasons: Readonly<Record<number, IndeterminateReason>> = {
  1: 'lapsed',
  2: 'failed',
  3: 'unreadable',
}

/** Reads the answer of the claim script. An answer of another shape is a failure, never a claim. */
export function readClaimReply(reply: unknown): ClaimResult {
  const [code, first, second] = Array.isArray(reply) ? (reply as unknown[]) : []
  if (code === claimReply.mismatch) return { verdict: 'mismatch' }
  if (code === claimReply.completed && Buffer.isBuffer(second)) {
    return { verdict: 'completed', payload: second, omitted: first === 1 }
  }
  if (typeof first === 'number') {
    if (code === claimReply.acquired && typeof second === 'number') {
      return { verdict: 'acquired', fence: first, attempt: second }
    }
    if (code === claimReply.inProgress) return { verdict: 'in_progress', remainingMs: first }
    const reason = reasons[first]
    if (code === claimReply.indeterminate && reason !== undefined) {
      return { verdict: 'indeterminate', reason }
    }
  }
  throw new IdempotencyError(
    'IDEMPOTENCY_STORE_UNAVAILABLE',
    'the client gave an answer of an unknown shape; it must return bulk strings as Buffer',
  )
}
