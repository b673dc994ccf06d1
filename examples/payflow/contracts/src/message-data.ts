/**
 * What the messages carry. Amounts are JSON numbers of minor units. Unknown fields are dropped, so
 * that an older consumer can read what a newer producer sends.
 */
import { z } from 'zod'
import { amountField, currencyField, idField, instantField } from './fields.ts'
import { FAILURE_CODES } from './statuses.ts'

const paymentFields = {
  paymentId: idField,
  fromUserId: idField,
  toUserId: idField,
  amount: amountField,
  currency: currencyField,
}

/** `payments.execute`: post the hold of this payment. */
export const paymentExecuteData = z.object(paymentFields)
export type PaymentExecuteData = z.infer<typeof paymentExecuteData>

/** `payments.completed`: the money has moved. */
export const paymentCompletedData = z.object({ ...paymentFields, occurredAt: instantField })
export type PaymentCompletedData = z.infer<typeof paymentCompletedData>

/** `payments.failed`: the payment ended and no money has moved. */
export const paymentFailedData = z.object({
  ...paymentFields,
  failureCode: z.enum(FAILURE_CODES),
  occurredAt: instantField,
})
export type PaymentFailedData = z.infer<typeof paymentFailedData>

/** The topic exchange all messages go through. */
export const EXCHANGE = 'payflow'

/** The queues, by what reads them. Parking queues are named `<queue>.parked`. */
export const QUEUES = {
  execute: 'payments.execute',
  notifications: 'notifications.events',
} as const
