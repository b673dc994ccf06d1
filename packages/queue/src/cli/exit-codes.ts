/**
 * What the command's exit code tells. Only 0 needs no look.
 *
 * - 0 `ok`: done, or shown.
 * - 1 `unavailable`: the broker or the database gave no answer, or the config module could not be
 *   used. Worth trying again.
 * - 2 `usage`: the command line or the config module is wrong. Trying again changes nothing.
 * - 3 `refused`: not everything was done, and what was printed says why: messages the inbox may have
 *   forgotten, too much parked again, interrupted, a topology that can't be applied, or the
 *   question was answered with no.
 * - 4 `absent`: there is no such message.
 * - 5 `unbalanced`: `reconcile` found differences.
 */
export const exitCodes = {
  ok: 0,
  unavailable: 1,
  usage: 2,
  refused: 3,
  absent: 4,
  unbalanced: 5,
} as const
