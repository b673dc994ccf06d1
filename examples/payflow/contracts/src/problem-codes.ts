/**
 * Every kind of error an HTTP answer of PayFlow can carry, with its status and title (RFC 9457).
 * The key is the last segment of the `type` URI; `code` in the body is the same in snake_case.
 *
 * For a request that carries an Idempotency-Key, 408, 409, 425, 429 and 5xx mean "try again with
 * the same key", and 401 means "authenticate, then try again with the same key": none of them says
 * what became of an earlier attempt. Every other status is final, when the body is one of these.
 *
 * Those of keys are `@payflow/idempotency`'s own, which answers most of them: a kind of problem has
 * one title, whoever answers (RFC 9457 §3.1.3).
 */
export const PROBLEMS = {
  'malformed-json': { status: 400, title: 'The body is not valid JSON' },
  'malformed-request': { status: 400, title: 'The request is malformed' },
  'validation-failed': { status: 400, title: 'The request has invalid fields' },
  'request-timeout': { status: 408, title: 'The request took too long to arrive' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  'body-too-large': { status: 413, title: 'The body is too large' },
  'unsupported-media-type': { status: 415, title: 'The body must be application/json' },
  'route-not-found': { status: 404, title: 'There is no such route' },
  'method-not-allowed': { status: 405, title: 'The route does not take this method' },
  'not-found': { status: 404, title: 'Not found' },
  unauthenticated: { status: 401, title: 'Authentication is required' },
  'invalid-credentials': { status: 401, title: 'E-mail or password is wrong' },
  'refresh-token-invalid': { status: 401, title: 'The session has ended' },
  'password-wrong': { status: 422, title: 'The current password is wrong' },
  'reset-token-invalid': { status: 422, title: 'The link is not valid any more' },
  forbidden: { status: 403, title: 'Not allowed' },
  'email-taken': { status: 409, title: 'The e-mail address is already registered' },
  'insufficient-funds': { status: 422, title: 'The available balance is too small' },
  'amount-limit-exceeded': { status: 422, title: 'The amount is above the limit' },
  'statement-too-long': { status: 422, title: 'The statement is too long' },
  'not-refundable': { status: 422, title: 'This cannot be refunded' },
  'refund-exceeds-payment': { status: 422, title: 'Less than that is left to refund' },
  'refund-limit-reached': { status: 422, title: 'The payment has too many refunds' },
  'self-transfer': { status: 422, title: 'Sender and recipient are the same' },
  'sender-unavailable': { status: 422, title: 'The sender cannot send money' },
  'recipient-unavailable': { status: 422, title: 'The recipient cannot receive money' },
  'hold-released': { status: 422, title: 'The reserved money was released' },
  'hold-expired': { status: 422, title: 'The reservation of the money has expired' },
  'hold-unknown': { status: 422, title: 'No money was reserved under this id' },
  'transfer-conflict': { status: 409, title: 'The transfer id was used with other contents' },
  'idempotency-key-missing': { status: 400, title: 'Idempotency key missing' },
  'idempotency-key-invalid': { status: 400, title: 'Idempotency key invalid' },
  'idempotency-key-expired': { status: 410, title: 'Idempotency key expired' },
  'idempotency-in-progress': { status: 409, title: 'Request in progress' },
  'idempotency-indeterminate': { status: 409, title: 'Outcome unknown' },
  'idempotency-key-reused': { status: 422, title: 'Idempotency key reused' },
  'idempotency-request-too-large': { status: 413, title: 'Request too large' },
  'idempotency-body-unreadable': { status: 415, title: 'Body not readable' },
  'idempotency-store-unavailable': { status: 503, title: 'Try again shortly' },
  'rate-limited': { status: 429, title: 'Too many requests' },
  'internal-error': { status: 500, title: 'Something went wrong on our side' },
  'service-unavailable': { status: 503, title: 'Temporarily unavailable' },
  'upstream-timeout': { status: 504, title: 'A service did not answer in time' },
} as const satisfies Record<string, { status: number; title: string }>

/** The last segment of a problem's `type` URI, e.g. `insufficient-funds`. */
export type ProblemCode = keyof typeof PROBLEMS

/** Where the `type` URIs of all problems begin. */
export const PROBLEM_TYPE_BASE = 'https://payflow.dev/problems/'

/** The `type` URI of a problem. */
export function problemType(code: ProblemCode): string {
  return PROBLEM_TYPE_BASE + code
}

/** Tells whether `code` is one of ours. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code)
}
