/** What has been done so far, over all worlds. */
export class Tally {
  /** Requests whose answer was compared; one sent again after a fault counts once. */
  operations = 0
  readonly outcomes = new Map<string, number>()
  /** Faults that happened, not those that found nothing to strike. */
  readonly faults = new Map<string, number>()

  outcome({ outcome, reason }: { readonly outcome: string; readonly reason?: unknown }): void {
    add(this.outcomes, typeof reason === 'string' ? `${outcome}: ${reason}` : outcome)
  }

  fault(name: string): void {
    add(this.faults, name)
  }

  get faultsTotal(): number {
    return [...this.faults.values()].reduce((sum, n) => sum + n, 0)
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
