import { IdempotencyError } from '../errors.ts'
import type { ClaimResult, IndeterminateReason } from '../store.ts'
import { claimReply } from './scripts/claim.ts'

const reasons: Readonly<Record<number, IndeterminateReason>> = {
  1: 'lapsed',
  2: 'failed',
  3: 'unreadable',
}

/** A first owner has none, and its answer is kept short. */
const noCheckpoint: Uint8Array = Buffer.alloc(0)

/** Reads the answer of the claim script. An answer of another shape is a failure, never a claim. */
export function readClaimReply(reply: unknown): ClaimResult {
  if (typeof reply === 'number') {
    const first = { fence: reply, attempt: 1, recovering: false, checkpoint: noCheckpoint }
    return { verdict: 'acquired', ...first }
  }
  const [code, first, second, third, fourth] = Array.isArray(reply) ? (reply as unknown[]) : []
  if (code === claimReply.expired) return { verdict: 'expired' }
  if (code === claimReply.mismatch) return { verdict: 'mismatch' }
  if (code === claimReply.completed && Buffer.isBuffer(second)) {
    return { verdict: 'completed', payload: second, omitted: first === 1 }
  }
  if (typeof first === 'number') {
    if (code === claimReply.acquired && typeof second === 'number') {
      const checkpoint = Buffer.isBuffer(fourth) ? fourth : noCheckpoint
      return {
        verdict: 'acquired',
        fence: first,
        attempt: second,
        recovering: third === 1,
        checkpoint,
      }
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
