import type { Kysely } from 'kysely'
import type { Ledger } from '@payflow/ledger'
import { ReversalError } from '../errors.ts'
import type { ResolveOutcome } from '../outcome.ts'

/** Settings of {@link ledgerResolver}. */
export interface LedgerResolverOptions<Row> {
  /** The ledger made by `createLedger`; only `release` is called. */
  readonly ledger: Pick<Ledger, 'release'>
  /** A Kysely of the database the ledger lives in. Need not be that of the stale rows. */
  readonly db: Kysely<any>
  /** Which hold belongs to a row. The same row must always name the same hold. */
  readonly holdId: (row: Row) => string
}

/**
 * Makes a `resolve` that releases the row's hold, in a statement of its own that commits before it
 * answers. Capture and release of one hold exclude each other for ever, and releasing a hold that
 * was never placed keeps it from ever being placed, so the answer is final:
 *
 * - released now, or already: `reversed`
 * - captured before: `completed`
 * - the ledger was too busy to decide, or its answer was lost: `not_yet`
 *
 * @throws from the returned function: {@link ReversalError} with code `REVERSAL_UNEXPECTED_ANSWER`
 * when the ledger answers anything else (a hold id that is no UUID, say), and whatever the database
 * throws. The row then stays pending.
 */
export function ledgerResolver<Row>(
  options: LedgerResolverOptions<Row>,
): (row: Row) => Promise<ResolveOutcome> {
  return async (row) => {
    const holdId = options.holdId(row)
    const result = await options.ledger.release(options.db, { holdId })
    switch (result.outcome) {
      case 'created':
      case 'replayed':
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
}

function unexpected(holdId: string, answer: string): ReversalError {
  return new ReversalError(
    'REVERSAL_UNEXPECTED_ANSWER',
    `Releasing hold ${holdId} was answered ${answer}; the row stays pending`,
  )
}
