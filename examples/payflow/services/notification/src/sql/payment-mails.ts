import { sql, type Kysely } from 'kysely'
import type { NotificationDatabase } from '../database.ts'

/** Whether a user is told of payments by e-mail; everybody is who did not switch it off. */
export async function readPaymentMails(
  db: Kysely<NotificationDatabase>,
  userId: string,
): Promise<boolean> {
  const { rows } = await sql<{ on: boolean }>`
    select payment_mails as on from public.mail_preferences where user_id = ${userId}`.execute(db)
  return rows[0]?.on ?? true
}

/**
 * Switches mails about payments on or off. Off holds for those that wait as well, and for those that
 * a sender takes later, from a dead one too; what a sender has in hand at this moment may still come:
 * what is being sent, and what waits some seconds for its turn.
 *
 * The preference first: two calls of one user then queue for its row, and not for each other's mails.
 */
export async function writePaymentMails(
  db: Kysely<NotificationDatabase>,
  { userId, paymentMails }: { readonly userId: string; readonly paymentMails: boolean },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`
      insert into public.mail_preferences (user_id, payment_mails)
      values (${userId}, ${paymentMails})
      on conflict on constraint mail_preferences_pkey
        do update set payment_mails = excluded.payment_mails, updated_at = now()`.execute(trx)
    if (paymentMails) return
    await sql`
      update public.mail_deliveries
      set state = 'skipped', settled_at = now(), contact = null, secret = null
      where user_id = ${userId} and state = 'pending' and urgency > 0`.execute(trx)
  })
}
