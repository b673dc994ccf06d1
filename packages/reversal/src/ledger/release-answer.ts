import type { ReleaseResult } from '@payflow/ledger'
import { ReversalError } from '../errors.ts'
import type { ResolveOutcome } from '../outcome.ts'

/** What the ledger's answer to a release means for the row. */
export function outcomeOfRelease(holdId: string, result: ReleaseResult): ResolveOutcome {
  switch (result.outcome) {
    case 'created':
    case 'replayed':
      // Neither "it did not happen" nor "it happened": a person has to look.
      if ((result.hold?.capturedMinor ?? 0n) > 0n) throw unexpected(holdId, 'captured in part')
      return 'reversed'
    case 'busy':
    case 'unknown':
      return 'not_yet'
    case 'rejected':
      if (result.reason === 'already_captured') return 'completed'
      throw unexpected(holdId, result.reason)
    default:
      throw unexpected(holdId, (result as { readonly outcome: string }).outcome)
  }
}

function unexpected(holdId: string, answer: string): ReversalError {
  return new ReversalError(
    'REVERSAL_UNEXPECTED_ANSWER',
    `Releasing hold ${holdId} was answered ${answer}; the row stays pending`,
  )
}
