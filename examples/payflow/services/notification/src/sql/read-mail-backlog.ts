import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/** What is unsent, and what was given up. */
export interface MailBacklog {
  readonly waiting: number
  /** 0 when nothing waits. */
  readonly oldestUnsentMs: number
  readonly failed: number
  readonly unknown: number
}

/** Counts over partial indexes: what has been sent costs nothing here, however much it is. */
export async function readMailBacklog(db: Kysely<NotificationDatabase>): Promise<MailBacklog> {
  const { rows } = await sql<MailBacklog>`
    select unsent.*, given_up.*
    from (
      select count(*)::int as waiting,
        coalesce(extract(epoch from now() - min(created_at)) * 1000, 0)::float8 as "oldestUnsentMs"
      from public.mail_deliveries where state in ('pending', 'sending')
    ) as unsent, (
      select count(*) filter (where state = 'failed')::int as failed,
        count(*) filter (where state = 'unknown')::int as unknown
      from public.mail_deliveries where state in ('failed', 'unknown')
    ) as given_up`.execute(db)
  return rows[0] ?? { waiting: 0, oldestUnsentMs: 0, failed: 0, unknown: 0 }
}
