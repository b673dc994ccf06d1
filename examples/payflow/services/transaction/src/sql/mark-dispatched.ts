import { sql, type Transaction } from 'kysely'

/**
 * Notes that the broker has the messages of these payments: from now on the longer leash of the
 * reversal job applies.
 *
 * The payments are locked before the outbox rows are, as the reversal does, and in the order of their
 * ids, as a worker does that records many ends in one transaction: without it the plan would choose
 * the order. So no two of them deadlock. Whoever waited sees the row as it is now, ended or not.
 */
export async function markDispatched(
  trx: Transaction<any>,
  paymentIds: readonly string[],
): Promise<void> {
  await sql`
    with mine as materialized (
      select id from public.payments
      where id = any(${paymentIds}::uuid[]) and dispatched_at is null
      order by id for no key update
    )
    update public.payments set dispatched_at = now()
    from mine where payments.id = mine.id`.execute(trx)
}
