/**
 * Idempotency for Express 5 routes.
 *
 * @packageDocumentation
 */
export { idempotencyProblems } from './idempotency-problems.ts'
export { getIdempotency, idempotent } from './idempotent.ts'
export type { IdempotentRouteOptions } from './idempotent.ts'
export { answerMalformedRequests } from './malformed-requests.ts'
