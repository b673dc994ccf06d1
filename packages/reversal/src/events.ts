import type { FinalOutcome, StaleReason } from './outcome.ts'
import type { RunResult } from './run-result.ts'

/**
 * What a job tells its observer, in the order it happens. An observer that throws is reported as
 * a process warning and changes nothing: watching a payment can't fail it.
 */
export type ReversalEvent =
  | {
      /** The row was settled by this job; its transaction is committed. */
      readonly type: 'row_settled'
      readonly id: string
      readonly reason: StaleReason
      readonly outcome: FinalOutcome
    }
  | {
      /** `resolve` answered `not_yet`. */
      readonly type: 'row_not_yet'
      readonly id: string
      readonly reason: StaleReason
    }
  | {
      /** Another writer settled the row first, or holds it at this moment; nothing was done. */
      readonly type: 'row_lost'
      readonly id: string
      readonly reason: StaleReason
      readonly outcome: FinalOutcome
    }
  | {
      /** `resolve` or `onResolved` failed; the row is still pending and will be tried again. */
      readonly type: 'row_failed'
      readonly id: string
      readonly reason: StaleReason
      readonly error: unknown
    }
  | {
      /** A run came to its end. */
      readonly type: 'run_finished'
      readonly result: RunResult
    }
  | {
      /** A run of `watch` could not go on, the database being away for example. */
      readonly type: 'run_failed'
      readonly error: unknown
    }
