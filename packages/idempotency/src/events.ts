import type { RecoveryVerdict } from './recovery.ts'
import type { IndeterminateReason } from './store.ts'

/** Fields of every event. Never a key, scope, body or header: the id is a hash. */
interface EventBase {
  /** Record id: SHA-256 over scope, operation and key. */
  readonly id: string
  /** As given to the operation, for example `POST /payments`. */
  readonly operation: string
}

interface OwnerEvent extends EventBase {
  readonly fence: number
  readonly attempt: number
}

/**
 * How a claim is lost: another owner has it, the store gave no answer for a whole lease, or the
 * handler ran longer than `executionMaxMs`.
 */
export type LossReason = 'replaced' | 'unreachable' | 'overdue'

/**
 * What happened to a request, for logs and metrics.
 *
 * - `claimed` / `reclaimed`: executes, for the first time / after a lapsed or indeterminate claim.
 * - `replayed`, `in_progress`, `mismatch`, `expired`, `indeterminate`: answered without execution.
 * - `recovered`: the recover function told what became of an unknown outcome; `outcome` is its word.
 * - `recovery_failed`: it threw, or gave no verdict that can be used; the outcome stays unknown.
 * - `completed`, `tombstoned`, `released`, `abandoned`: how an execution ended in the store.
 * - `lease_lost`: the owner was replaced or cannot reach the store any more; its signal is aborted.
 * - `settle_failed`: the end could not be written in time; it is tried again in the background.
 * - `settle_abandoned`: the background gave up; the claim will lapse.
 * - `resolved`, `forgotten`: an operator's call; `operation` is empty where the record was named by its
 *   id.
 * - `store_failed`: the claim could not be made; `degraded` tells whether the request went on.
 */
export type IdempotencyEvent =
  | (OwnerEvent & { readonly type: 'claimed' | 'reclaimed' })
  | (EventBase & { readonly type: 'replayed'; readonly omitted: boolean })
  | (EventBase & { readonly type: 'in_progress'; readonly remainingMs: number })
  | (EventBase & { readonly type: 'mismatch' | 'expired' | 'resolved' | 'forgotten' })
  | (OwnerEvent & {
      readonly type: 'recovered'
      readonly outcome: RecoveryVerdict['outcome']
    })
  | (OwnerEvent & { readonly type: 'recovery_failed'; readonly cause: unknown })
  | (EventBase & { readonly type: 'indeterminate'; readonly reason: IndeterminateReason })
  | (OwnerEvent & { readonly type: 'completed' | 'tombstoned' | 'released' | 'abandoned' })
  | (OwnerEvent & { readonly type: 'lease_lost'; readonly reason: LossReason })
  | (OwnerEvent & {
      readonly type: 'settle_failed' | 'settle_abandoned'
      readonly cause: unknown
    })
  | (EventBase & {
      readonly type: 'store_failed'
      readonly degraded: boolean
      readonly cause: unknown
    })
