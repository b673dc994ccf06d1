/**
 * The messages between the processes, as the queue package publishes and consumes them.
 *
 * @packageDocumentation
 */
import { defineMessage } from '@payflow/queue'
import {
  passwordChangedData,
  passwordResetRequestedData,
  paymentCompletedData,
  paymentExecuteData,
  paymentFailedData,
  userLockedData,
} from './message-data.ts'

/** To the worker: execute this payment. One payment's messages keep their order. */
export const PaymentExecute = defineMessage({
  type: 'payments.execute',
  version: 1,
  schema: paymentExecuteData,
  key: (data) => data.paymentId,
})

/** Event: the money of a payment has moved. */
export const PaymentCompleted = defineMessage({
  type: 'payments.completed',
  version: 1,
  schema: paymentCompletedData,
  key: (data) => data.paymentId,
})

/** Event: a payment ended and no money has moved. */
export const PaymentFailed = defineMessage({
  type: 'payments.failed',
  version: 1,
  schema: paymentFailedData,
  key: (data) => data.paymentId,
})

/** Event: somebody asked for a new password of this user. Its token is a secret. */
export const PasswordResetRequested = defineMessage({
  type: 'users.password_reset_requested',
  version: 1,
  schema: passwordResetRequestedData,
  key: (data) => data.userId,
})

/** Event: a user's password is another one. */
export const PasswordChanged = defineMessage({
  type: 'users.password_changed',
  version: 1,
  schema: passwordChangedData,
  key: (data) => data.userId,
})

/** Event: a user is locked out for a while, after wrong passwords. */
export const UserLocked = defineMessage({
  type: 'users.locked',
  version: 1,
  schema: userLockedData,
  key: (data) => data.userId,
})
