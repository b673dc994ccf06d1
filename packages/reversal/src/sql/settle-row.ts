import type { Transaction } from 'kysely'
import type { FinalOutcome } from '../outcome.ts'
import type { AnyRow, ResolvedReversalOptions } from '../resolve-options.ts'
import { limited, serverLimitMs } from './limit-transaction.ts'

/**
 * The compare-and-set that ends a row: from pending to its final status, in the caller's
 * transaction. True when this call did it; false when another writer was first, or holds the row at
 * this moment. Whoever gets false does nothing.
 *
 * Locks: the inner select takes the row FOR NO KEY UPDATE SKIP LOCKED and looks at its newest
 * version, so the statement never waits. A worker frozen inside its transaction can't hold up the
 * job; the row is simply not ours this time. The lock then lasts until the transaction ends, which
 * is what makes the status and the hook's writes one.
 */
export async function settleRow(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
  target: { readonly id: string; readonly row: AnyRow; readonly outcome: FinalOutcome },
): Promise<boolean> {
  const { table, columns, statuses } = options
  const free = trx
    .selectFrom(table)
    .select(columns.id)
    .where(columns.id, '=', target.id)
    .where(columns.status, '=', statuses.pending)
    .where(limited(serverLimitMs(options.resolveTimeoutMs)))
    .forNoKeyUpdate()
    .skipLocked()
  const result = await trx
    .updateTable(table)
    .set({
      ...options.changes(target.row, target.outcome),
      [columns.status]: statuses[target.outcome],
    })
    .where(columns.id, '=', free)
    .executeTakeFirstOrThrow()
  if (result.numUpdatedRows > 1n) {
    throw new Error(`${table}.${columns.id} is not unique: one settlement changed several rows`)
  }
  return result.numUpdatedRows === 1n
}
