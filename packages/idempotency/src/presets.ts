import type { PolicyOptions } from './options.ts'

/**
 * Sets of policy that belong together.
 *
 * - `payments`: a handler that must not run twice. Whatever is cut off is indeterminate (409, not
 *   retryable) until someone finds out; nothing is executed again silently.
 * - `convenience`: a handler that may run twice. What is cut off runs again once its lease lapsed.
 * - `guarded`: a handler whose every effect is inside `guard()` of `./postgres`. What is cut off runs
 *   again, and a store that is down does not stop it: the guard lets no effect happen twice. Without
 *   the guard this pays twice.
 */
export const presets: {
  readonly payments: Readonly<Required<Pick<PolicyOptions, PresetField>>>
  readonly convenience: Readonly<Required<Pick<PolicyOptions, PresetField>>>
  readonly guarded: Readonly<Required<Pick<PolicyOptions, PresetField>>>
} = {
  payments: { commitPoint: 'start', onIndeterminate: 'reject', onStoreFailure: 'closed' },
  convenience: { commitPoint: 'explicit', onIndeterminate: 'execute', onStoreFailure: 'closed' },
  guarded: { commitPoint: 'explicit', onIndeterminate: 'execute', onStoreFailure: 'open' },
}

/** The options a preset decides. */
export type PresetField = 'commitPoint' | 'onIndeterminate' | 'onStoreFailure'
