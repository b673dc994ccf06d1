import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import type { PurgeOptions } from './purge-sessions.ts'

/** Deletes the hashes of links that ran out long ago, used or not. */
export async function purgeResetTokens(
  trx: Transaction<AuthDatabase>,
  { keptDays, rowsMax }: PurgeOptions,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from public.reset_tokens where token_hash in (
      select token_hash from public.reset_tokens
      where expires_at < now() - make_interval(days => ${keptDays})
      order by expires_at limit ${rowsMax}
      for update skip locked
    )`.execute(trx)
  return Number(numAffectedRows)
}
