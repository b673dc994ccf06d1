/**
 * A named point that a test can stop or kill the process at. A no-op unless a test arms it.
 *
 * - `reversal.scanned`: a batch was read; its locks are gone again.
 * - `reversal.locked`: a row is locked by the transaction that decides; `resolveInTransaction` only.
 * - `reversal.resolved`: a row's end is decided, but not recorded.
 * - `reversal.recording`: recorded in a transaction that is not committed.
 * - `reversal.recorded`: committed.
 *
 * @internal
 */
export type Probe = (name: ProbePoint, detail?: unknown) => void | Promise<void>

/** @internal */
export type ProbePoint =
  | 'reversal.scanned'
  | 'reversal.locked'
  | 'reversal.resolved'
  | 'reversal.recording'
  | 'reversal.recorded'
