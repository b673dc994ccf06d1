/** The data that a case works on, and how to tell whether they are right. */
export interface World {
  /** What `rows`, `faults` and `verify` compare, for the correctness column. */
  readonly compared: string
  /** Rows its journal has: one for each unit of work that was answered as done. */
  rows(): Promise<number>
  /** What is wrong with its sums right now; cheap enough to ask after every slice. */
  faults(): Promise<readonly string[]>
  /** Vacuums and analyzes after the warm-up: no plan is kept that was made for empty tables. */
  settle(): Promise<void>
  /** Recomputes everything, once, at the end; answers what is wrong. */
  verify?(): Promise<readonly string[]>
}
