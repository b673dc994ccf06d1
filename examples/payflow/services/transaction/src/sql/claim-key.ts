import { sql, type Kysely } from 'kysely'
import type { TransactionDatabase } from '../database.ts'

/** What {@link claimKey} writes. */
export interface NewClaim {
  readonly userId: string
  readonly key: string
  readonly paymentId: string
  readonly fingerprint: Buffer
}

/**
 * Claims the key for a payment; false when it is claimed already. Its own short transaction, so that
 * the payment's id is known to every retry before any money is held under it.
 *
 * The unique index is the only lock: of two that claim at once the second waits for the first to
 * commit and then inserts nothing. The row it lost to is newer than its snapshot, which is why the
 * existing claim has to be read by a statement of its own.
 */
export async function claimKey(
  db: Kysely<TransactionDatabase>,
  { userId, key, paymentId, fingerprint }: NewClaim,
): Promise<boolean> {
  const inserted = await sql`
    insert into public.payment_claims (user_id, key, payment_id, fingerprint)
    values (${userId}, ${key}, ${paymentId}, ${fingerprint})
    on conflict (user_id, key) do nothing`.execute(db)
  return inserted.numAffectedRows === 1n
}
