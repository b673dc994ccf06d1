import { sql, type Kysely } from 'kysely'
import type { Claim, TransactionDatabase } from '../database.ts'

/** The claim on a user's key, if there is one. */
export async function findClaim(
  db: Kysely<TransactionDatabase>,
  userId: string,
  key: string,
): Promise<Claim | undefined> {
  const found = await sql<Claim>`
    select payment_id as "paymentId", fingerprint, refusal
    from public.payment_claims where user_id = ${userId} and key = ${key}`.execute(db)
  return found.rows[0]
}
