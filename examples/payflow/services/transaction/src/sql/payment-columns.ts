import { sql, type RawBuilder } from 'kysely'

/**
 * The columns of a {@link PaymentRow}, of the relation with this name. What was refunded is added up
 * from an index that has the refunds of each payment together without the failed ones, of which
 * somebody may make many; of the others a payment has about `REFUNDS_MAX` at most.
 */
export const paymentColumns = (relation: string): RawBuilder<unknown> => sql`
  id, kind, from_user_id as "fromUserId", to_user_id as "toUserId", amount_minor as "amountMinor",
  currency, note, refund_of as "refundOf", status, failure_code as "failureCode",
  created_at as "createdAt", completed_at as "completedAt",
  case kind when 'payment' then (
    select coalesce(sum(refund.amount_minor), 0) from public.payments as refund
    where refund.refund_of = ${sql.ref(`${relation}.id`)} and refund.status = 'COMPLETED'
  ) end as "refundedMinor"`
