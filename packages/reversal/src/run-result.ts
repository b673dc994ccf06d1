/**
 * Why a run ended.
 *
 * - `done`: no stale row was left that this run had not looked at.
 * - `max_per_run`: the guard `maxPerRun` was reached; look at the cause before raising it.
 * - `time_budget`: `timeBudgetMs` was used up; the next run goes on.
 * - `signal`: the caller asked to stop.
 */
export type RunEnd = 'done' | 'max_per_run' | 'time_budget' | 'signal'

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
}
