import { sql, type Kysely } from 'kysely'
import type { WalletDatabase } from '../database.ts'

/** Whose wallets these accounts are. One look at a unique index for each; takes no locks. */
export async function findOwners(
  db: Kysely<WalletDatabase>,
  accountIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (accountIds.length === 0) return new Map()
  const { rows } = await sql<{ accountId: string; userId: string }>`
    select account_id as "accountId", user_id as "userId"
    from public.wallets where account_id = any(${accountIds}::uuid[])`.execute(db)
  return new Map(rows.map(({ accountId, userId }) => [accountId, userId]))
}
