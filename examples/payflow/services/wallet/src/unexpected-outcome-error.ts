/** Thrown when the ledger answers a call of our own making with what can only be a defect. */
export class UnexpectedOutcomeError extends Error {
  readonly code = 'WALLET_UNEXPECTED_OUTCOME'
  readonly retryable = false

  constructor(verb: string, answer: { outcome: string; reason?: string }) {
    const { outcome, reason } = answer
    super(`ledger.${verb} answered ${outcome}${reason === undefined ? '' : ` (${reason})`}`)
    this.name = 'UnexpectedOutcomeError'
  }
}
