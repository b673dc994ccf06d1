import { readMetrics } from './metrics.ts'
import type { ReversalMetrics } from './metrics.ts'
import type { ResolvedReversalOptions } from './resolve-options.ts'

/**
 * What is wrong.
 *
 * - `mass_reversal`: most of what ends is reversed, or nothing is completed any more.
 * - `paused`: the last run met a mass reversal and decided nothing.
 * - `not_running`: no run was a success for longer than `successWithinMs`. Needs the logbook.
 * - `overdue`: a row is stale for longer than `overdueMs`: runs do not come to it, or fail at it.
 */
export type ReversalProblem = 'mass_reversal' | 'paused' | 'not_running' | 'overdue'

/** Settings of `health`. */
export interface HealthOptions {
  /**
   * How long ago the last success may be, in milliseconds: several periods of the schedule.
   *
   * @defaultValue 300_000 (five minutes)
   */
  readonly successWithinMs?: number | undefined
  /**
   * For how long a row may be past its leash, in milliseconds: several periods of the schedule.
   *
   * @defaultValue 300_000 (five minutes)
   */
  readonly overdueMs?: number | undefined
}

/** A verdict, and what it rests on. */
export interface ReversalHealth {
  readonly healthy: boolean
  /** Empty when healthy. */
  readonly problems: readonly ReversalProblem[]
  readonly metrics: ReversalMetrics
}

export async function readHealth(
  options: ResolvedReversalOptions,
  { successWithinMs = 300_000, overdueMs = 300_000 }: HealthOptions,
): Promise<ReversalHealth> {
  const metrics = await readMetrics(options)
  const { undispatched, unprocessed, massReversal, logbook } = metrics
  const { dispatchTimeoutMs, processingTimeoutMs } = options
  const overdue =
    (undispatched.oldestMs ?? 0) > dispatchTimeoutMs + overdueMs ||
    (unprocessed.oldestMs ?? 0) > processingTimeoutMs + overdueMs
  const lastSuccessMsAgo = logbook?.lastSuccessMsAgo ?? Number.POSITIVE_INFINITY
  const found: Readonly<Record<ReversalProblem, boolean>> = {
    mass_reversal: massReversal.causes.length > 0,
    paused: logbook?.lastEndedBy === 'paused',
    not_running: logbook !== undefined && lastSuccessMsAgo > successWithinMs,
    overdue,
  }
  const names: readonly ReversalProblem[] = ['mass_reversal', 'paused', 'not_running', 'overdue']
  const problems = names.filter((name) => found[name])
  return { healthy: problems.length === 0, problems, metrics }
}
