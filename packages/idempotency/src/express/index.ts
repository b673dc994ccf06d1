/**
 * Idempotency for Express 5 routes.
 *
 * @packageDocumentation
 */
export { getIdempotency, idempotent } from './idempotent.ts'
export type { IdempotentRouteOptions } from './idempotent.ts'
