import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/**
 * Deletes a user's notification; false when the user has no such one. It does not come back: the
 * inbox knows its event. Its mail, if it waits, is still sent.
 */
export async function deleteNotification(
  db: Kysely<NotificationDatabase>,
  { id, userId }: { readonly id: string; readonly userId: string },
): Promise<boolean> {
  const deleted = await sql`
    delete from public.notifications where id = ${id} and user_id = ${userId}`.execute(db)
  return deleted.numAffectedRows === 1n
}
