import { sql, type Transaction } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/**
 * Deletes notifications that were written so many days ago, at most `rowsMax`, the oldest first.
 * Skips those that are being read or deleted right now.
 */
export async function purgeNotifications(
  trx: Transaction<NotificationDatabase>,
  { keptDays, rowsMax }: { readonly keptDays: number; readonly rowsMax: number },
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from public.notifications where id in (
      select id from public.notifications
      where created_at < now() - make_interval(days => ${keptDays})
      order by created_at limit ${rowsMax}
      for update skip locked
    )`.execute(trx)
  return Number(numAffectedRows)
}
