import type { IdempotencyContext } from './context.ts'
import type { KnownResult } from './known-result.ts'
import type { StepResults } from './steps.ts'

/** An operation whose earlier owner is gone, with nobody else at work on it. */
export interface Recovery<Request = unknown> extends Pick<
  IdempotencyContext,
  | 'id'
  | 'key'
  | 'scope'
  | 'operation'
  | 'fingerprint'
  | 'attempt'
  | 'fence'
  | 'signal'
  | 'deriveKey'
> {
  /** Of the request that found the outcome unknown; equal to the first one. */
  readonly request: Request
  /** Results of the steps that were recorded, by name. A missing one may have happened all the same. */
  readonly steps: StepResults
}

/**
 * What became of the effect.
 *
 * - `store`: it happened, and this is its result: stored, and replayed from now on.
 * - `execute`: it has not happened and cannot happen any more: the handler runs.
 * - `indeterminate`: still unknown; the key stays blocked.
 */
export type RecoveryVerdict =
  | ({ readonly outcome: 'store' } & KnownResult)
  | { readonly outcome: 'execute' }
  | { readonly outcome: 'indeterminate' }

/**
 * Finds out what became of an operation, where the truth is: the provider asked by the derived key,
 * a row of your own. Runs under a claim with a lease, so for one key it never runs twice at once; if
 * it is cut off, the outcome is as unknown as before. What it throws counts as `indeterminate`.
 *
 * "Not found" is not yet `execute`: a call that is still on its way may arrive after the look.
 */
export type RecoverFunction<Request = any> = (
  recovery: Recovery<Request>,
) => RecoveryVerdict | Promise<RecoveryVerdict>
