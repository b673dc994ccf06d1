import type { PaymentKind } from '@payflow-app/contracts'
import { sql, type Transaction } from 'kysely'
import type { PaymentRow, TransactionDatabase } from '../database.ts'
import { paymentColumns } from './payment-columns.ts'

/** What {@link insertPayment} writes. */
export interface NewPayment {
  readonly id: string
  readonly kind: PaymentKind
  readonly fromUserId: string
  readonly toUserId: string
  readonly amount: number
  readonly currency: string
  readonly note: string | undefined
  readonly refundOf: string | undefined
  readonly messageId: string
}

/**
 * Writes the payment as PENDING if its claim was not refused and has no payment yet; undefined
 * otherwise, and then somebody else has decided.
 *
 * Locking the claim's row is what a refusal waits for, and the other way round: whoever is second
 * re-reads `refusal` after the wait. Two that accept at once meet here as well, and the second finds
 * the payment's id taken.
 */
export async function insertPayment(
  trx: Transaction<TransactionDatabase>,
  payment: NewPayment,
): Promise<PaymentRow | undefined> {
  const { id, kind, fromUserId, toUserId, amount, currency, messageId } = payment
  const { note = null, refundOf = null } = payment
  const inserted = await sql<PaymentRow>`
    with claim as (
      select key, fingerprint from public.payment_claims
      where payment_id = ${id} and refusal is null
      for no key update
    )
    insert into public.payments (id, kind, from_user_id, to_user_id, amount_minor, currency,
      note, refund_of, idempotency_key, fingerprint, message_id)
    select ${id}::uuid, ${kind}, ${fromUserId}::uuid, ${toUserId}::uuid, ${amount}::bigint, ${currency},
      ${note}::text, ${refundOf}::uuid, claim.key, claim.fingerprint, ${messageId}::uuid
    from claim
    on conflict (id) do nothing
    returning ${paymentColumns('payments')}`.execute(trx)
  return inserted.rows[0]
}
