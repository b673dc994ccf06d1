/**
 * What the exit code of `payflow` tells. Only 0 needs no look.
 *
 * - 0 `ok`: done, or shown, and nothing is wrong.
 * - 1 `unavailable`: a database or the broker gave no answer. Worth trying again.
 * - 2 `usage`: the command line is wrong, or nothing says where PayFlow is.
 * - 3 `refused`: not everything was done, and what was printed says why.
 * - 4 `absent`: there is no such payment or message.
 * - 5 `unsound`: the books, or the stores about one payment, contradict each other.
 */
export const exitCodes = {
  ok: 0,
  unavailable: 1,
  usage: 2,
  refused: 3,
  absent: 4,
  unsound: 5,
} as const

/** Ends a command with a message for the person and an exit code for the program. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exitCode = exitCode
  }
}
