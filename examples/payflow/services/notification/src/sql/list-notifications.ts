import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase, NotificationRow } from '../database.ts'
import { notificationColumns } from './notification-columns.ts'

/** A place in the list: the last notification of the page before. */
export interface NotificationPlace {
  /** With microseconds, as PostgreSQL keeps it. A JavaScript Date would cut them and skip rows. */
  readonly createdAt: string
  readonly id: string
}

/** A notification with its place in the list. */
export type ListedNotification = NotificationRow & { readonly place: string }

/** The notifications of a user, newest first; one index range however many there are. */
export async function listNotifications(
  db: Kysely<NotificationDatabase>,
  query: { userId: string; after: NotificationPlace | undefined; limit: number },
): Promise<ListedNotification[]> {
  const { userId, after, limit } = query
  const found = await sql<ListedNotification>`
    select ${notificationColumns},
      to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as place
    from public.notifications
    where user_id = ${userId}
      ${after ? sql`and (created_at, id) < (${after.createdAt}::timestamptz, ${after.id}::uuid)` : sql``}
    order by notifications.created_at desc, id desc limit ${limit}`.execute(db)
  return found.rows
}
