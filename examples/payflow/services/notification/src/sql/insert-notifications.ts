import { sql, type Transaction } from 'kysely'
import type { NewNotification } from '../notifications-of.ts'

/**
 * Writes the notifications of some events; how many were new. The inbox already keeps a redelivered
 * event away, and the unique (event, user) is what holds should that ever fail. Two deliveries of an
 * event cannot deadlock here: the second waits for the first at the event's inbox row, which both
 * write before.
 */
export async function insertNotifications(
  trx: Transaction<any>,
  notifications: readonly NewNotification[],
): Promise<number> {
  const column = <T>(pick: (one: NewNotification) => T): T[] => notifications.map(pick)
  // As arrays, so that it is one statement to PostgreSQL however many there are.
  const inserted = await sql`
    insert into public.notifications (id, event_id, user_id, kind, payment_id, counterparty_id,
      amount_minor, currency, failure_code)
    select * from unnest(
      ${column(({ id }) => id)}::uuid[],
      ${column(({ eventId }) => eventId)}::text[],
      ${column(({ userId }) => userId)}::uuid[],
      ${column(({ kind }) => kind)}::text[],
      ${column(({ paymentId }) => paymentId)}::uuid[],
      ${column(({ counterpartyId }) => counterpartyId)}::uuid[],
      ${column(({ amount }) => amount)}::bigint[],
      ${column(({ currency }) => currency)}::text[],
      ${column(({ failureCode }) => failureCode ?? null)}::text[]
    )
    on conflict (event_id, user_id) do nothing`.execute(trx)
  return Number(inserted.numAffectedRows ?? 0n)
}
