import { REFUNDS_SHOWN_MAX } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { PaymentRow, TransactionDatabase } from '../database.ts'
import { paymentColumns } from './payment-columns.ts'

/** The newest refunds of a payment, newest first. One range of one index. Takes no locks. */
export async function listRefunds(
  db: Kysely<TransactionDatabase>,
  paymentId: string,
): Promise<PaymentRow[]> {
  const found = await sql<PaymentRow>`
    select ${paymentColumns('payments')} from public.payments
    where refund_of = ${paymentId}
    order by payments.created_at desc, id desc limit ${REFUNDS_SHOWN_MAX}`.execute(db)
  return found.rows
}
