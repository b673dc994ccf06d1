import type { SettledOutcome } from './context.ts'

/** Answers that say "not now" or "not you": the same request may do better later. */
const transientStatuses: ReadonlySet<number> = new Set([401, 403, 408, 409, 425, 429])

/**
 * The status policy unless you give one: final answers (2xx, 3xx, most 4xx) are stored; 401, 403,
 * 408, 409, 425 and 429 release the key; 5xx releases it before the commit point and is
 * indeterminate after it, because the effect may have happened before the failure.
 */
export function defaultStatusPolicy(
  status: number,
  state: { readonly committed: boolean },
): SettledOutcome {
  if (status >= 500) return state.committed ? 'indeterminate' : 'release'
  return transientStatuses.has(status) ? 'release' : 'store'
}
