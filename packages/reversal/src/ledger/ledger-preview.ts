import type { Kysely } from 'kysely'
import type { Ledger } from '@payflow/ledger'
import type { ResolveOutcome } from '../outcome.ts'

/** Settings of {@link ledgerPreview}. */
export interface LedgerPreviewOptions<Row> {
  /** The ledger made by `createLedger`; only `lookup` is called. */
  readonly ledger: Pick<Ledger, 'lookup'>
  /** A Kysely of the database the ledger lives in. Its role needs no right to move money. */
  readonly db: Kysely<any>
  /** Which hold belongs to a row. */
  readonly holdId: (row: Row) => string
}

/**
 * Makes a `preview` that looks up what a release would answer now, without releasing. A guess: the
 * hold may be captured the moment after.
 */
export function ledgerPreview<Row>(
  options: LedgerPreviewOptions<Row>,
): (row: Row) => Promise<ResolveOutcome> {
  return async (row) => {
    const found = await options.ledger.lookup(options.db, options.holdId(row))
    const posted = found?.kind === 'transfer' || found?.kind === 'journal'
    const captured = found?.kind === 'hold' && found.hold.state === 'captured'
    return posted || captured ? 'completed' : 'reversed'
  }
}
