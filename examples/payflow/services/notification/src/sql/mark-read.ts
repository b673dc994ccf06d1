import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase, NotificationRow } from '../database.ts'
import { notificationColumns } from './notification-columns.ts'

/**
 * Marks a user's notification as read and returns it, or undefined when the user has no such
 * notification. The first reading counts: repeating it changes nothing.
 */
export async function markRead(
  db: Kysely<NotificationDatabase>,
  { id, userId }: { id: string; userId: string },
): Promise<NotificationRow | undefined> {
  const marked = await sql<NotificationRow>`
    update public.notifications set read_at = coalesce(read_at, now())
    where id = ${id} and user_id = ${userId}
    returning ${notificationColumns}`.execute(db)
  return marked.rows[0]
}
