import { sql, type Kysely } from 'kysely'
import type { Settlement } from '../payment.ts'
import type { PaymentsDatabase } from '../payments-database.ts'

/**
 * The compare-and-set of the worker: PENDING becomes what `settlement` says, once. Returns when, and
 * when it was accepted, both by PostgreSQL's clock; undefined when the payment is not PENDING any more: nothing was done.
 *
 * Locks: the UPDATE takes the row and keeps it until the transaction ends, so that the status and
 * the event in the outbox commit as one. It waits for another writer of the same row, the reversal
 * for example, for at most the connection's `lock_timeout`; the message is then tried again later.
 */
export async function settlePayment(
  trx: Kysely<PaymentsDatabase>,
  id: string,
  settlement: Settlement,
): Promise<{ readonly settledAt: Date; readonly acceptedAt: Date } | undefined> {
  const row = await trx
    .updateTable('payments')
    .set({
      status: settlement.status,
      failure_code: settlement.status === 'FAILED' ? settlement.failureCode : null,
      completed_at: sql<Date>`now()`,
      resolved_by: 'worker',
    })
    .where('id', '=', id)
    .where('status', '=', 'PENDING')
    .returning(['completed_at', 'created_at'])
    .executeTakeFirst()
  if (row === undefined || row.completed_at === null) return undefined
  return { settledAt: row.completed_at, acceptedAt: row.created_at }
}
