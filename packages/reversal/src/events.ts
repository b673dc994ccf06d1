import type { MassReversal } from './mass-reversal.ts'
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
      /** What had been decided; undefined when the row was lost before that. */
      readonly outcome: FinalOutcome | undefined
    }
  | {
      /** `resolve` or `onResolved` failed; the row is still pending and will be tried again. */
      readonly type: 'row_failed'
      readonly id: string
      readonly reason: StaleReason
      readonly error: unknown
    }
  | {
      /**
       * A run has begun and met a mass reversal, before it decides anything. When nobody observes,
       * it is a process warning.
       */
      readonly type: 'mass_reversal'
      readonly massReversal: MassReversal
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
