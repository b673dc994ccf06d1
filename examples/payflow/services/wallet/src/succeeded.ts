import type { Outcome } from '@payflow/ledger'

/** Tells whether the ledger did what it was asked, now or when it was asked before. */
export function succeeded<Answer extends { readonly outcome: Outcome }>(
  answer: Answer,
): answer is Extract<Answer, { readonly outcome: 'created' | 'replayed' }> {
  return answer.outcome === 'created' || answer.outcome === 'replayed'
}
