import { ReversalError } from '../errors.ts'
import type { ResolveOutcome } from '../outcome.ts'

/** The one verb of @payflow/ledger that is needed. */
interface Releasing<Db> {
  release(
    db: Db,
    input: { readonly holdId: string },
  ): Promise<{ readonly outcome: string; readonly reason?: string }>
}

/** Settings of {@link ledgerResolver}. */
export interface LedgerResolverOptions<Row, Db> {
  /** The ledger made by `createLedger`. */
  readonly ledger: Releasing<Db>
  /** A Kysely of the database the ledger lives in. Need not be that of the stale rows. */
  readonly db: Db
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
 * - the ledger was too busy to decide: `not_yet`
 *
 * @throws from the returned function: {@link ReversalError} with code `REVERSAL_UNEXPECTED_ANSWER`
 * when the ledger answers anything else, and whatever the database throws. The row then stays
 * pending.
 */
export function ledgerResolver<Row, Db>(
  options: LedgerResolverOptions<Row, Db>,
): (row: Row) => Promise<ResolveOutcome> {
  return async (row) => {
    const holdId = options.holdId(row)
    const result = await options.ledger.release(options.db, { holdId })
    if (result.outcome === 'created' || result.outcome === 'replayed') return 'reversed'
    if (result.outcome === 'busy') return 'not_yet'
    if (result.reason === 'already_captured') return 'completed'
    throw new ReversalError(
      'REVERSAL_UNEXPECTED_ANSWER',
      `Releasing hold ${holdId} was answered ${result.outcome} ${result.reason ?? ''}`.trimEnd(),
    )
  }
}
