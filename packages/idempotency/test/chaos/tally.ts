/** What came up so far. */
export class Tally {
  readonly answers: Map<string, number> = new Map()
  readonly faults: Map<string, number> = new Map()
  /** Answers of any kind, lost ones included. */
  answersTotal = 0
  faultsTotal = 0
  /** Payments whose client knows how they ended, or that it cannot know. */
  settled = 0

  answer(what: string): void {
    this.answersTotal += 1
    this.answers.set(what, (this.answers.get(what) ?? 0) + 1)
  }

  fault(what: string): void {
    this.faultsTotal += 1
    this.faults.set(what, (this.faults.get(what) ?? 0) + 1)
  }
}
