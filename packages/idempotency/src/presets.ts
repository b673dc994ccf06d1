import type { PolicyOptions } from './options.ts'

/**
 * Two sets of policy that belong together.
 *
 * - `payments`: a handler that must not run twice. Whatever is cut off is indeterminate (409, not
 *   retryable) until someone finds out; nothing is executed again silently.
 * - `convenience`: a handler that may run twice. What is cut off runs again once its lease lapsed.
 */
export const presets: {
  readonly payments: Readonly<Required<Pick<PolicyOptions, PresetField>>>
  readonly convenience: Readonly<Required<Pick<PolicyOptions, PresetField>>>
} = {
  payments: { commitPoint: 'start', onIndeterminate: 'reject', onStoreFailure: 'closed' },
  convenience: { commitPoint: 'explicit', onIndeterminate: 'execute', onStoreFailure: 'closed' },
}

/** The options a preset decides. */
export type PresetField = 'commitPoint' | 'onIndeterminate' | 'onStoreFailure'
