/**
 * What the messages carry. Amounts are JSON numbers of minor units. Unknown fields are dropped, so
 * that an older consumer can read what a newer producer sends.
 */
import { z } from 'zod'
import { amountField, currencyField, idField, instantField } from './fields.ts'
import { FAILURE_CODES, PAYMENT_KINDS } from './statuses.ts'

const paymentFields = {
  paymentId: idField,
  fromUserId: idField,
  toUserId: idField,
  amount: amountField,
  currency: currencyField,
}

/** What ended. Messages from before there were kinds are about payments. */
const kind = z.enum(PAYMENT_KINDS).default('payment')

/** Of a refund: the payment it gives back. */
const refundOf = idField.optional()

/** `payments.execute`: post the hold of this payment. */
export const paymentExecuteData = z.object(paymentFields)
export type PaymentExecuteData = z.infer<typeof paymentExecuteData>

/** `payments.completed`: the money has moved. */
export const paymentCompletedData = z.object({
  ...paymentFields,
  kind,
  refundOf,
  occurredAt: instantField,
})
export type PaymentCompletedData = z.infer<typeof paymentCompletedData>

/** `payments.failed`: the payment ended and no money has moved. */
export const paymentFailedData = z.object({
  ...paymentFields,
  kind,
  refundOf,
  failureCode: z.enum(FAILURE_CODES),
  occurredAt: instantField,
})
export type PaymentFailedData = z.infer<typeof paymentFailedData>

const personFields = { userId: idField, email: z.string(), name: z.string() }

/**
 * `users.password_reset_requested`: mail this link. The token is a secret: it is good for one new
 * password until `expiresAt`, so it goes into the mail and into no log. A table has it only for as
 * long as the mail is unsent.
 */
export const passwordResetRequestedData = z.object({
  ...personFields,
  token: z.string().min(1),
  expiresAt: instantField,
})
export type PasswordResetRequestedData = z.infer<typeof passwordResetRequestedData>

/** Who changed a password: whoever knew the old one, or whoever could read the mail. */
export const PASSWORD_CHANGERS = ['user', 'reset'] as const

/** `users.password_changed`: the password is another one, and all other sessions have ended. */
export const passwordChangedData = z.object({
  ...personFields,
  occurredAt: instantField,
  by: z.enum(PASSWORD_CHANGERS),
})
export type PasswordChangedData = z.infer<typeof passwordChangedData>

/** `users.locked`: so many wrong passwords came that none is looked at until `lockedUntil`. */
export const userLockedData = z.object({
  ...personFields,
  occurredAt: instantField,
  lockedUntil: instantField,
})
export type UserLockedData = z.infer<typeof userLockedData>

/** The topic exchange all messages go through. */
export const EXCHANGE = 'payflow'

/** The queues, by what reads them. Parking queues are named `<queue>.parked`. */
export const QUEUES = {
  execute: 'payments.execute',
  notifications: 'notifications.events',
} as const
