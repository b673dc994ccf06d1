import type { Kysely, Transaction } from 'kysely'
import type { Ledger } from '@payflow/ledger'
import type { ResolveOutcome } from '../outcome.ts'
import { outcomeOfRelease } from './release-answer.ts'

/** Settings of {@link ledgerResolverInTransaction}, and what {@link ledgerResolver} has of them. */
export interface LedgerHolds<Row> {
  /** The ledger made by `createLedger`; only `release` is called. */
  readonly ledger: Pick<Ledger, 'release'>
  /** Which hold belongs to a row. The same row must always name the same hold. */
  readonly holdId: (row: Row) => string
}

/** Settings of {@link ledgerResolver}. */
export interface LedgerResolverOptions<Row> extends LedgerHolds<Row> {
  /** A Kysely of the database the ledger lives in. Need not be that of the stale rows. */
  readonly db: Kysely<any>
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
 * @throws from the returned function: `ReversalError` with code `REVERSAL_UNEXPECTED_ANSWER`
 * when the ledger answers anything else (a hold id that is no UUID, a hold captured in part), and
 * whatever the database throws. The row then stays pending.
 */
export function ledgerResolver<Row>(
  options: LedgerResolverOptions<Row>,
): (row: Row) => Promise<ResolveOutcome> {
  return async (row) => {
    const holdId = options.holdId(row)
    return outcomeOfRelease(holdId, await options.ledger.release(options.db, { holdId }))
  }
}

/**
 * Makes a `resolveInTransaction` that releases the row's hold in the very transaction that records
 * the row, for a ledger in the same database: money, status and hook commit together. The answers
 * are those of {@link ledgerResolver}.
 *
 * The transaction locks the row first and then the accounts of the hold. A worker that captures in
 * one transaction with its status should lock the row first as well; otherwise the two may deadlock,
 * and PostgreSQL ends one of them, whole.
 *
 * @throws from the returned function: as {@link ledgerResolver}; a ledger that is too busy throws
 * its `LedgerError` here, since the transaction can't go on after it. The row stays pending.
 */
export function ledgerResolverInTransaction<Row>(
  options: LedgerHolds<Row>,
): (trx: Transaction<any>, row: Row) => Promise<ResolveOutcome> {
  return async (trx, row) => {
    const holdId = options.holdId(row)
    return outcomeOfRelease(holdId, await options.ledger.release(trx, { holdId }))
  }
}
