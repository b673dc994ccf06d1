import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/**
 * Records that the mail server took the mail. Asks for no lease: that it was taken stays true
 * whoever has the row by now, and keeps others from sending it once more.
 */
export async function recordMailSent(db: Kysely<NotificationDatabase>, id: string): Promise<void> {
  await sql`
    update public.mail_deliveries
    set state = 'sent', settled_at = now(), lease_token = null, contact = null, secret = null,
      reason = null
    where id = ${id} and state <> 'sent'`.execute(db)
}
