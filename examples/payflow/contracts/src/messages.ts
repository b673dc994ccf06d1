/**
 * The messages between the processes, as the queue package publishes and consumes them.
 *
 * @packageDocumentation
 */
import { defineMessage } from '@payflow/queue'
import { paymentCompletedData, paymentExecuteData, paymentFailedData } from './message-data.ts'

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
