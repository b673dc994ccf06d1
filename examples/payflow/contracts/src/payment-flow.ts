/** How payments as a whole are doing. `GET /api/status` tells it to whoever opens the page. */
import { z } from 'zod'

/**
 * - `normal`: what is accepted is executed.
 * - `stalled`: for longer than a minute nothing has been completed of what waits.
 * - `reversing`: so many payments are given up that something must be out of order.
 */
export const PAYMENT_FLOWS = ['normal', 'stalled', 'reversing'] as const

/** How payments as a whole are doing. */
export type PaymentFlow = (typeof PAYMENT_FLOWS)[number]

/** Body of `GET /api/status`. */
export const statusView = z.object({ payments: z.enum(PAYMENT_FLOWS) })
export type StatusView = z.infer<typeof statusView>

/**
 * When payments are called out of order. The page, the log, the metrics and the documents take the
 * numbers from here.
 */
export const FLOW_ALARM = {
  /** What is looked at: the last ten minutes. */
  windowMs: 600_000,
  /** More reversed payments than this, in percent of those created in the window. */
  reversedPercent: 20,
  /** Fewer reversed payments than this are somebody's bad luck. */
  reversedMin: 3,
  /** The last reversal is this old before it counts as over. */
  quietMs: 120_000,
  /** What waits for longer than this, with nothing completed since, has stalled. */
  pendingMs: 60_000,
} as const

/** What {@link paymentFlow} judges by, all by the clock of the database. */
export interface FlowFacts {
  /** Payments created within the window. */
  readonly created: number
  /** Payments the reversal job has failed within the window. */
  readonly reversed: number
  /** Age of the oldest pending payment; 0 without any. */
  readonly oldestPendingMs: number
  /** How long ago the reversal job last failed a payment; `null`: never. */
  readonly sinceReversedMs: number | null
  /** How long ago a worker last completed a payment; `null`: never. */
  readonly sinceCompletedMs: number | null
}

/**
 * Names the state that payments are in. A reversal job ends what hangs, and so can hide for weeks
 * that nothing is executed any more: this is what must not be hidden.
 */
export function paymentFlow(facts: FlowFacts): PaymentFlow {
  const { created, reversed, oldestPendingMs } = facts
  const sinceReversedMs = facts.sinceReversedMs ?? Number.POSITIVE_INFINITY
  const sinceCompletedMs = facts.sinceCompletedMs ?? Number.POSITIVE_INFINITY
  const many =
    reversed >= FLOW_ALARM.reversedMin && reversed * 100 > FLOW_ALARM.reversedPercent * created
  const over = sinceReversedMs > FLOW_ALARM.quietMs && sinceCompletedMs < sinceReversedMs
  if (many && !over) return 'reversing'
  const waits = oldestPendingMs > FLOW_ALARM.pendingMs
  return waits && sinceCompletedMs > oldestPendingMs ? 'stalled' : 'normal'
}
