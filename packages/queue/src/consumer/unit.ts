import type { Delivery } from './delivery.ts'
import type { Held, Settlement } from './settle.ts'

/**
 * What the scheduler gives out: deliveries of one channel generation that are run together. It
 * decides which come next and when; how they are run and settled is the {@link UnitRunner}'s.
 */
export interface Unit {
  readonly deliveries: readonly Delivery[]
  /** Aborted by a drain that ran out of time and by the loss of the channel; the deadline, too. */
  readonly controller: AbortController
}

/**
 * Runs a unit and settles each of its deliveries: one (`run-delivery.ts`), or a batch. A runner for
 * batches says in `batch` how large the scheduler is to make the units and how long it may wait for
 * that many; the concurrency then counts units.
 */
export interface UnitRunner {
  readonly batch?: { readonly size: number; readonly waitMs: number } | undefined
  /** Never throws. Resolves, once all are settled or held, with what became of each, in order. */
  run(unit: Unit): Promise<readonly (Settlement | Held)[]>
}
