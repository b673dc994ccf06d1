import { sql, type Kysely } from 'kysely'
import type { PaymentRow, TransactionDatabase } from '../database.ts'
import { paymentColumns } from './payment-columns.ts'

/** The payment with this id, if there is one. */
export async function findPayment(
  db: Kysely<TransactionDatabase>,
  id: string,
): Promise<PaymentRow | undefined> {
  const found = await sql<PaymentRow>`
    select ${paymentColumns('payments')} from public.payments where id = ${id}`.execute(db)
  return found.rows[0]
}
