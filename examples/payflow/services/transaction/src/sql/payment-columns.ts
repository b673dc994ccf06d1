import { sql } from 'kysely'

/** The columns of a {@link PaymentRow}. */
export const paymentColumns = sql`
  id, kind, from_user_id as "fromUserId", to_user_id as "toUserId", amount_minor as "amountMinor",
  currency, note, status, failure_code as "failureCode", created_at as "createdAt",
  completed_at as "completedAt"`
