import type { Response } from 'express'

/** The problems this middleware answers with; `code` is stable. */
export type ProblemCode =
  | 'idempotency_key_missing'
  | 'idempotency_key_invalid'
  | 'idempotency_key_expired'
  | 'idempotency_in_progress'
  | 'idempotency_indeterminate'
  | 'idempotency_key_reused'
  | 'idempotency_request_too_large'
  | 'idempotency_store_unavailable'
  | 'idempotency_body_unreadable'

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** True: send the same request again, with the same key. */
  readonly retryable: boolean
}

const kinds: Readonly<Record<ProblemCode, ProblemKind>> = {
  idempotency_key_missing: { status: 400, title: 'Idempotency key missing', retryable: false },
  idempotency_key_invalid: { status: 400, title: 'Idempotency key invalid', retryable: false },
  idempotency_key_expired: { status: 410, title: 'Idempotency key expired', retryable: false },
  idempotency_in_progress: { status: 409, title: 'Request in progress', retryable: true },
  idempotency_indeterminate: { status: 409, title: 'Outcome unknown', retryable: false },
  idempotency_key_reused: { status: 422, title: 'Idempotency key reused', retryable: false },
  idempotency_request_too_large: { status: 413, title: 'Request too large', retryable: false },
  idempotency_store_unavailable: { status: 503, title: 'Try again shortly', retryable: true },
  idempotency_body_unreadable: { status: 415, title: 'Body not readable', retryable: false },
}

/** Answers with an RFC 9457 problem; its `type` is a stable address. */
export function sendProblem(
  res: Response,
  code: ProblemCode,
  detail: string,
  retryAfterMs?: number,
): void {
  const { status, title, retryable } = kinds[code]
  const type = `https://payflow.dev/problems/${code.replaceAll('_', '-')}`
  if (retryAfterMs !== undefined) {
    // Whole seconds only (RFC 9110 §10.2.3); rounded up, so that a client never comes too early.
    res.setHeader('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  }
  res
    .status(status)
    .set('Cache-Control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify({ type, title, status, detail, code, retryable }))
}
