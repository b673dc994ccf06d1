import type { PaymentStatus } from '@payflow-app/contracts'
import type { Kysely } from 'kysely'
import { paymentOf, type Payment } from '../payment.ts'
import type { PaymentsDatabase } from '../payments-database.ts'

/**
 * Reads a payment and its status. Takes no lock: the answer only saves a call to wallet-service for
 * payments that are settled already. What decides is the compare-and-set afterwards.
 */
export async function readPayment(
  db: Kysely<PaymentsDatabase>,
  id: string,
): Promise<{ readonly payment: Payment; readonly status: PaymentStatus } | undefined> {
  const row = await db
    .selectFrom('payments')
    .select([
      'id',
      'kind',
      'from_user_id',
      'to_user_id',
      'amount_minor',
      'currency',
      'refund_of',
      'status',
    ])
    .where('id', '=', id)
    .executeTakeFirst()
  return row && { payment: paymentOf(row), status: row.status }
}
