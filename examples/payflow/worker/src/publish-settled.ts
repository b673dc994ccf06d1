import { PaymentCompleted, PaymentFailed } from '@payflow-app/contracts/messages'
import type { Outbox } from '@payflow/queue'
import type { Payment, Settlement } from './payment.ts'

/** Writes the event of a payment's end into the outbox of the transaction that ends it. */
export async function publishSettled(
  outbox: Outbox,
  payment: Payment,
  settlement: Settlement,
  settledAt: Date,
): Promise<void> {
  const { refundOf, ...contents } = payment
  const data = {
    ...contents,
    ...(refundOf !== null && { refundOf }),
    occurredAt: settledAt.toISOString(),
  }
  if (settlement.status === 'COMPLETED') await outbox.publish(PaymentCompleted, data)
  else await outbox.publish(PaymentFailed, { ...data, failureCode: settlement.failureCode })
}
