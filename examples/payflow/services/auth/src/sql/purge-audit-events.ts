import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import type { PurgeOptions } from './purge-sessions.ts'

/**
 * Deletes the oldest events, by the function that alone may: the service's role has no right to
 * delete them itself.
 *
 * @throws PostgreSQL's 42501 when it would take one that is not 90 days old.
 */
export async function purgeAuditEvents(
  trx: Transaction<AuthDatabase>,
  { keptDays, rowsMax }: PurgeOptions,
): Promise<number> {
  const { rows } = await sql<{ removed: number }>`
    select public.purge_audit_events(make_interval(days => ${keptDays}), ${rowsMax}) as removed`.execute(
    trx,
  )
  return rows[0]?.removed ?? 0
}
