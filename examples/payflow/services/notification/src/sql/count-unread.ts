import { UNREAD_COUNT_MAX } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/** How many of a user's notifications are not read; no more than anybody wants to know. */
export async function countUnread(
  db: Kysely<NotificationDatabase>,
  userId: string,
): Promise<number> {
  const { rows } = await sql<{ unread: number }>`
    select count(*)::int as unread from (
      select from public.notifications
      where user_id = ${userId} and read_at is null limit ${UNREAD_COUNT_MAX}
    ) as counted`.execute(db)
  return rows[0]?.unread ?? 0
}
