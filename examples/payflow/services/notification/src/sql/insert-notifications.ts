import { sql, type Transaction } from 'kysely'
import type { NewNotification } from '../notifications-of.ts'

/**
 * Writes the notifications of one event; how many were new. The inbox already keeps a redelivered
 * event away, and the unique (event, user) is what holds should that ever fail. Rows of one event
 * are always written in the same order, so two deliveries of it cannot deadlock.
 */
export async function insertNotifications(
  trx: Transaction<any>,
  notifications: readonly NewNotification[],
): Promise<number> {
  const rows = notifications.map(
    (one) => sql`(${one.id}::uuid, ${one.eventId}, ${one.userId}::uuid, ${one.kind},
      ${one.paymentId}::uuid, ${one.counterpartyId}::uuid, ${one.amount}::bigint, ${one.currency},
      ${one.failureCode ?? null})`,
  )
  const inserted = await sql`
    insert into public.notifications (id, event_id, user_id, kind, payment_id, counterparty_id,
      amount_minor, currency, failure_code)
    values ${sql.join(rows)}
    on conflict (event_id, user_id) do nothing`.execute(trx)
  return Number(inserted.numAffectedRows ?? 0n)
}
