import { IdempotencyError } from '../errors.ts'
import type { KeyStorage } from './key-storage.ts'
import { timeOrderedKey } from './time-ordered-key.ts'

/** Told before each further attempt, for logs. It carries the key: treat it as the request. */
export interface RetryEvent {
  readonly key: string
  /** The attempt that was not settled, from 1. */
  readonly attempt: number
  readonly delayMs: number
  /** Status of its answer; absent when there was none. */
  readonly status?: number
  readonly cause?: unknown
}

/** Options of {@link idempotentFetch}. */
export interface IdempotentFetchOptions {
  /** Sends one attempt. @defaultValue the global `fetch` */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /**
   * Makes a key: 1 to 255 visible ASCII characters, never the same twice.
   * @defaultValue {@link timeOrderedKey}
   */
  readonly generateKey?: () => string
  /** Where the keys of actions are kept; needed for requests that name an `action`. */
  readonly persist?: KeyStorage
  /** Name of the request header. @defaultValue 'Idempotency-Key' */
  readonly header?: string
  /**
   * Attempts of one call. Too few: `unknown` on a short outage. Range 1…100.
   * @defaultValue 5
   */
  readonly attemptsMax?: number
  /**
   * How long one call may take, waits included, in milliseconds. Range 1…86 400 000.
   * @defaultValue 60_000
   */
  readonly deadlineMs?: number
  /**
   * How long one attempt may take until its answer is read completely, in milliseconds. A slow
   * handler is not disturbed: the next attempt is told that it is in progress. Range 1…3 600 000.
   * @defaultValue 20_000
   */
  readonly attemptTimeoutMs?: number
  /**
   * Mean wait before the second attempt, in milliseconds; doubled for each further one, spread by
   * half of it either way so that clients do not come back all at once. `Retry-After` of the server
   * wins if it is longer. Range 0…60 000.
   * @defaultValue 250
   */
  readonly retryDelayMs?: number
  /** Longest mean wait of its own choice, in milliseconds. Range 0…600 000. @defaultValue 8_000 */
  readonly retryDelayMaxMs?: number
  /**
   * Statuses that are asked again when the answer does not say itself (`retryable` of a problem)
   * whether to. 500 is among them: with the same key it is executed again only if the server knows
   * that nothing has happened, and is told to be indeterminate otherwise.
   * @defaultValue [408, 425, 429, 500, 502, 503, 504]
   */
  readonly retryStatuses?: readonly number[]
  /**
   * Largest answer that is read, in bytes. Range 0…1 073 741 824.
   * @defaultValue 16_777_216
   */
  readonly responseMaxBytes?: number
  /** Told of each further attempt. What it throws is ignored. */
  readonly onRetry?: (event: RetryEvent) => void
}

/** {@link IdempotentFetchOptions} with their defaults. */
export type ResolvedFetchOptions = Required<Omit<IdempotentFetchOptions, 'persist' | 'onRetry'>> &
  Pick<IdempotentFetchOptions, 'persist' | 'onRetry'>

const defaults: ResolvedFetchOptions = {
  fetch: (url, init) => fetch(url, init),
  generateKey: timeOrderedKey,
  header: 'Idempotency-Key',
  attemptsMax: 5,
  deadlineMs: 60_000,
  attemptTimeoutMs: 20_000,
  retryDelayMs: 250,
  retryDelayMaxMs: 8_000,
  retryStatuses: [408, 425, 429, 500, 502, 503, 504],
  responseMaxBytes: 16_777_216,
}

const ranges = {
  attemptsMax: [1, 100],
  deadlineMs: [1, 86_400_000],
  attemptTimeoutMs: [1, 3_600_000],
  retryDelayMs: [0, 60_000],
  retryDelayMaxMs: [0, 600_000],
  responseMaxBytes: [0, 1_073_741_824],
} as const

/** Fills in defaults and refuses what is out of range. */
export function resolveFetchOptions(options: IdempotentFetchOptions): ResolvedFetchOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  const resolved = { ...defaults, ...Object.fromEntries(given) } as ResolvedFetchOptions
  for (const [name, [min, max]] of Object.entries(ranges)) {
    const value = resolved[name as keyof typeof ranges]
    if (!Number.isInteger(value) || value < min || value > max) {
      throw invalid(`${name} must be an integer from ${min} to ${max}, not ${String(value)}`)
    }
  }
  for (const name of ['fetch', 'generateKey'] as const) {
    if (typeof resolved[name] !== 'function') throw invalid(`${name} must be a function`)
  }
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(resolved.header)) {
    throw invalid(`header is not the name of a header: ${resolved.header}`)
  }
  const { persist } = resolved
  if (persist !== undefined && typeof persist.claim !== 'function') {
    throw invalid('persist must be a KeyStorage, with claim() and forget()')
  }
  return Object.freeze(resolved)
}

export function invalid(message: string): IdempotencyError {
  return new IdempotencyError('IDEMPOTENCY_OPTIONS_INVALID', message)
}
