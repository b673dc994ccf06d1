import type { MassReversal } from './mass-reversal.ts'

/**
 * Why a run ended.
 *
 * - `done`: no stale row was left that this run had not looked at.
 * - `max_per_run`: the guard `maxPerRun` was reached; look at the cause before raising it.
 * - `time_budget`: `timeBudgetMs` was used up; the next run goes on.
 * - `signal`: the caller asked to stop.
 * - `paused`: the run met a mass reversal, and `onMassReversal` is `pause`; nothing was decided.
 */
export type RunEnd = 'done' | 'max_per_run' | 'time_budget' | 'signal' | 'paused'

/** The counts of one run. */
export interface RunResult {
  /** Stale rows looked at. Equals the sum of the five counts below. */
  readonly scanned: number
  /** Rows settled as reversed by this run. */
  readonly reversed: number
  /** Rows settled as completed by this run: it had happened, only the record was missing. */
  readonly completed: number
  /** Rows for which `resolve` answered `not_yet`. */
  readonly notYet: number
  /** Rows another writer settled first, or held at that moment. Nothing was done to them. */
  readonly lost: number
  /** Rows whose `resolve` or `onResolved` failed. They are still pending. */
  readonly failed: number
  /** Why the run ended. */
  readonly endedBy: RunEnd
  /** How long the run took, in milliseconds. */
  readonly durationMs: number
  /** What the run met that it must not keep to itself; undefined when it met nothing. */
  readonly massReversal: MassReversal | undefined
}

/** How far a run has come. */
export interface RunProgress {
  /** Rows that were stale when the run began. */
  readonly stale: number
  /** Rows done so far: settled, undecided, lost or failed. */
  readonly scanned: number
  /** Of those, the settled ones. */
  readonly settled: number
  /** Of those, the failed ones. */
  readonly failed: number
  /** Since the run began, in milliseconds. */
  readonly elapsedMs: number
}
