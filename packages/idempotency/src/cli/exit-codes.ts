/**
 * What the command's exit code tells. Only 0 needs no look.
 *
 * - 0 `ok`: done, or shown.
 * - 1 `unavailable`: the store gave no answer, or the config module could not be used. Worth trying
 *   again.
 * - 2 `usage`: the command line or the config module is wrong. Trying again changes nothing.
 * - 3 `refused`: the record does not stand as was said; nothing was changed. Look at it again.
 * - 4 `absent`: there is no such record.
 */
export const exitCodes = {
  ok: 0,
  unavailable: 1,
  usage: 2,
  refused: 3,
  absent: 4,
} as const
