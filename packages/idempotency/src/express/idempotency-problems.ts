import type { ErrorRequestHandler } from 'express'
import { IdempotencyError } from '../errors.ts'
import type { IdempotencyErrorCode } from '../errors.ts'
import { mayHaveBegun } from './idempotent.ts'
import { sendProblem } from './problem.ts'
import type { ProblemCode } from './problem.ts'

interface Answer {
  readonly code: ProblemCode
  readonly detail: string
  readonly retryAfterMs?: number
}

/** Errors that a handler meets and its client should hear about; all others are the server's. */
const answers: Partial<Record<IdempotencyErrorCode, Answer>> = {
  IDEMPOTENCY_KEY_REUSED: {
    code: 'idempotency_key_reused',
    detail: 'This key was used with another request. Use a new key for a new action.',
  },
  IDEMPOTENCY_LEASE_LOST: {
    code: 'idempotency_in_progress',
    detail: 'Another request with this key has taken over. Ask again with the same key.',
    retryAfterMs: 1_000,
  },
  IDEMPOTENCY_STORE_UNAVAILABLE: {
    code: 'idempotency_store_unavailable',
    detail: 'This request cannot be protected against repetition right now. Nothing was executed.',
    retryAfterMs: 1_000,
  },
}

/**
 * Answers what `guard()` and `commitPoint()` throw as RFC 9457 problems: 422 for a key that was used
 * with another request, 409 for a claim that was lost, 503 for a store that does not answer before
 * the effect began. Put it before your own error handler, which gets everything else: also a store
 * that could not record a step, since 503 would say that nothing was executed.
 */
export function idempotencyProblems(): ErrorRequestHandler {
  return (error, req, res, next) => {
    const code = IdempotencyError.is(error) ? error.code : undefined
    const answer = code === undefined ? undefined : answers[code]
    if (answer === undefined || res.headersSent) return next(error)
    if (code === 'IDEMPOTENCY_STORE_UNAVAILABLE' && mayHaveBegun(req)) return next(error)
    sendProblem(res, answer.code, answer.detail, answer.retryAfterMs)
  }
}
