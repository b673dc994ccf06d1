import { sql, type Kysely } from 'kysely'
import { walletAccountId } from '../account-ids.ts'
import type { WalletDatabase } from '../database.ts'

/**
 * Writes the wallet's row; false when there is one. The unique index is the lock: of two that open
 * the same wallet at once, the second waits here until the first has committed or gone.
 */
export async function insertWallet(
  trx: Kysely<WalletDatabase>,
  userId: string,
  currency: string,
): Promise<boolean> {
  const inserted = await sql`
    insert into public.wallets (user_id, currency, account_id)
    values (${userId}, ${currency}, ${walletAccountId(userId, currency)})
    on conflict do nothing`.execute(trx)
  return inserted.numAffectedRows === 1n
}
