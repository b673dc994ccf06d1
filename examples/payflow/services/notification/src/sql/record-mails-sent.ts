import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/**
 * Records that the mail server took these mails. Asks for no lease: that one was taken stays true
 * whoever has the row by now, and keeps others from sending it once more.
 *
 * The rows are locked in the order of their ids: two processes with some in common, of which one
 * took over from the other, then wait for each other in one direction only.
 */
export async function recordMailsSent(
  db: Kysely<NotificationDatabase>,
  ids: readonly string[],
): Promise<void> {
  await sql`
    with taken as materialized (
      select id from public.mail_deliveries
      where id = any(${ids}::uuid[]) and state <> 'sent'
      order by id for no key update
    )
    update public.mail_deliveries as mail
    set state = 'sent', settled_at = now(), lease_token = null, contact = null, secret = null,
      reason = null
    from taken where mail.id = taken.id`.execute(db)
}
