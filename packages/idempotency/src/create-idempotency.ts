import type { Idempotency } from './idempotency.ts'
import type { IdempotencyOptions } from './options.ts'

/** Puts rules over a store. */
// oxlint-disable-next-line typescript/no-explicit-any
export declare function createIdempotency<Request = any>(
  options: IdempotencyOptions<Request>,
): Idempotency<Request>
