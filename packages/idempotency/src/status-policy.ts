import type { SettledOutcome } from './context.ts'

/** How far the handler had come when it answered. */
export interface StatusState {
  /** True once the effect may have happened. */
  readonly committed: boolean
  /** Who says where the effect begins; see `PolicyOptions.commitPoint`. */
  readonly commitPoint?: 'start' | 'explicit'
}

/** Answers that say "not now" or "not you": the same request may do better later. */
const transientStatuses: ReadonlySet<number> = new Set([401, 403, 408, 409, 425, 429])

/**
 * The status policy unless you give one: final answers (2xx, 3xx, most 4xx) are stored; 401, 403,
 * 408, 409, 425 and 429 release the key; 5xx releases it before the commit point and is
 * indeterminate after it, because the effect may have happened before the failure. Where the handler
 * itself has called `ctx.commitPoint()`, the six that release are indeterminate after it too.
 */
export function defaultStatusPolicy(status: number, state: StatusState): SettledOutcome {
  const { committed, commitPoint = 'start' } = state
  if (status >= 500) return committed ? 'indeterminate' : 'release'
  if (!transientStatuses.has(status)) return 'store'
  return committed && commitPoint === 'explicit' ? 'indeterminate' : 'release'
}
