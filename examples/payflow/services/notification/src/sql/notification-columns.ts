import { sql } from 'kysely'

/** The columns of a {@link NotificationRow}. */
export const notificationColumns = sql`
  id, user_id as "userId", kind, payment_id as "paymentId", counterparty_id as "counterpartyId",
  amount_minor as "amountMinor", currency, failure_code as "failureCode",
  created_at as "createdAt", read_at as "readAt"`
