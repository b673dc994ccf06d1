import { IdempotencyError } from '../errors.ts'
import type { OperatorResult } from '../store.ts'
import { operatorReply, standings } from './scripts/standing.ts'

/** Reads the answer of a script that an operator calls. */
export function readOperatorReply(reply: unknown): OperatorResult {
  const [code, position, fence] = Array.isArray(reply) ? (reply as unknown[]) : []
  if (code === operatorReply.done) return { outcome: 'done' }
  if (code === operatorReply.absent) return { outcome: 'absent' }
  const standing = typeof position === 'number' ? standings[position - 1] : undefined
  if (code === operatorReply.refused && standing !== undefined && typeof fence === 'number') {
    return { outcome: 'refused', standing, fence }
  }
  throw new IdempotencyError(
    'IDEMPOTENCY_STORE_UNAVAILABLE',
    'the client gave an answer of an unknown shape',
  )
}
