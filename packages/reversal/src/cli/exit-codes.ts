/**
 * What the command's exit code tells whoever scheduled it. Only 0 needs no look.
 *
 * - 0 `ok`: the run came to its end; rows left undecided or for the next run are no failure.
 * - 1 `unavailable`: the run could not read its table, or the config module could not be used.
 *   Worth trying again.
 * - 2 `usage`: the command line or the config module is wrong. Trying again changes nothing.
 * - 3 `rows_failed`: at least one row failed to be resolved or recorded; the next run tries again.
 * - 4 `guard_reached`: `maxPerRun` ended the run. Something makes many rows stale: look at it.
 */
export const exitCodes = {
  ok: 0,
  unavailable: 1,
  usage: 2,
  rowsFailed: 3,
  guardReached: 4,
} as const
