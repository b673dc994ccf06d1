import { sql, type Transaction } from 'kysely'

/**
 * Notes that the broker has the messages of these payments: from now on the longer leash of the
 * reversal job applies. The payments are locked before the outbox rows are, as the reversal does,
 * so the two cannot deadlock.
 */
export async function markDispatched(
  trx: Transaction<any>,
  paymentIds: readonly string[],
): Promise<void> {
  await sql`
    update public.payments set dispatched_at = now()
    where id = any(${paymentIds}::uuid[]) and dispatched_at is null`.execute(trx)
}
