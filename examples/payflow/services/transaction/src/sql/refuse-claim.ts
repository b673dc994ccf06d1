import { sql, type Kysely } from 'kysely'
import type { Refusal, TransactionDatabase } from '../database.ts'

/**
 * Decides that the claim of this payment ends as a refusal, unless it has ended already; false then.
 *
 * Refusing and accepting exclude each other by the lock on the claim's row. The lock is taken by a
 * statement of its own: only a statement that begins after the lock was granted sees a payment that
 * the previous owner of the lock has committed.
 */
export async function refuseClaim(
  db: Kysely<TransactionDatabase>,
  paymentId: string,
  refusal: Refusal,
): Promise<boolean> {
  return await db.transaction().execute(async (trx) => {
    await sql`
      select from public.payment_claims
      where payment_id = ${paymentId} for no key update`.execute(trx)
    const refused = await sql`
      update public.payment_claims
      set refusal = ${JSON.stringify(refusal)}::jsonb, refused_at = now()
      where payment_id = ${paymentId} and refusal is null
        and not exists (select from public.payments where id = ${paymentId})`.execute(trx)
    return refused.numAffectedRows === 1n
  })
}
