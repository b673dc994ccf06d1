/** What came up so far. */
export class Tally {
  readonly faults: Map<string, number> = new Map()
  faultsTotal = 0
  /** Messages that writers have committed. */
  committed = 0
  /** Effects, about. */
  effects = 0

  fault(what: string): void {
    this.faultsTotal += 1
    this.faults.set(what, (this.faults.get(what) ?? 0) + 1)
  }
}
