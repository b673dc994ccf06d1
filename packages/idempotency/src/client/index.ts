/**
 * A `fetch` that makes its key before the first byte, and asks again with it until it knows.
 * For browsers and Node.
 *
 * @packageDocumentation
 */
export { IdempotencyError } from '../errors.ts'
export type { IdempotencyErrorCode } from '../errors.ts'
export { idempotentFetch } from './idempotent-fetch.ts'
export type { IdempotentFetch, IdempotentRequestInit } from './idempotent-fetch.ts'
export { webStorageKeys } from './key-storage.ts'
export type { KeyStorage, WebStorage } from './key-storage.ts'
export type { IdempotentFetchOptions, RetryEvent } from './options.ts'
export type { FetchResult, RefusalCode, UnknownReason } from './result.ts'
export { timeOrderedKey } from './time-ordered-key.ts'
