import { sql, type Transaction } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/**
 * Deletes mails that came to their end so many days ago, at most `rowsMax`, the oldest first. What
 * is unsent stays. Skips rows that somebody has locked: an operator who sends one after all.
 */
export async function purgeMails(
  trx: Transaction<NotificationDatabase>,
  { keptDays, rowsMax }: { readonly keptDays: number; readonly rowsMax: number },
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from public.mail_deliveries where id in (
      select id from public.mail_deliveries
      where settled_at < now() - make_interval(days => ${keptDays})
      order by settled_at limit ${rowsMax}
      for update skip locked
    )`.execute(trx)
  return Number(numAffectedRows)
}
