import type { RunResult } from '../run-result.ts'

/**
 * What the command's exit code tells whoever scheduled it. Only 0 needs no look. Where several
 * apply, the first of 6, 5, 4, 3 is told.
 *
 * - 0 `ok`: the run came to its end; rows left undecided or for the next run are no failure.
 * - 1 `unavailable`: the run could not read its table, or the config module could not be used.
 *   Worth trying again.
 * - 2 `usage`: the command line or the config module is wrong, or the logbook has no table. Trying
 *   again changes nothing.
 * - 3 `rows_failed`: at least one row failed to be resolved or recorded; the next run tries again.
 * - 4 `guard_reached`: `maxPerRun` ended the run. Something makes many rows stale: look at it.
 * - 5 `mass_reversal`: the run met a mass reversal and went on. With `--tolerate-mass-reversal` the
 *   code is that of the run without it.
 * - 6 `paused`: the run met a mass reversal and decided nothing.
 */
export const exitCodes = {
  ok: 0,
  unavailable: 1,
  usage: 2,
  rowsFailed: 3,
  guardReached: 4,
  massReversal: 5,
  paused: 6,
} as const

/** The code of a run that came to its end. */
export function exitCodeOf(result: RunResult, tolerateMassReversal: boolean): number {
  if (result.endedBy === 'paused') return exitCodes.paused
  if (result.massReversal !== undefined && !tolerateMassReversal) return exitCodes.massReversal
  if (result.endedBy === 'max_per_run') return exitCodes.guardReached
  return result.failed > 0 ? exitCodes.rowsFailed : exitCodes.ok
}
