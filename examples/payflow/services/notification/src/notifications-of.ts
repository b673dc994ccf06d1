import type {
  FailureCode,
  NotificationKind,
  PaymentCompletedData,
  PaymentFailedData,
} from '@payflow-app/contracts'
import { v7 as uuidv7 } from 'uuid'

/** A notification to be written. */
export interface NewNotification {
  readonly id: string
  readonly eventId: string
  readonly userId: string
  readonly kind: NotificationKind
  readonly paymentId: string
  readonly counterpartyId: string
  readonly amount: number
  readonly currency: string
  readonly failureCode?: FailureCode
}

/** Who is told what when a payment is COMPLETED: the sender that it went, the recipient that it came. */
export function notificationsOfCompleted(
  eventId: string,
  payment: PaymentCompletedData,
): NewNotification[] {
  const { fromUserId, toUserId } = payment
  return [
    notification(eventId, payment, { kind: 'payment_sent', to: fromUserId, about: toUserId }),
    notification(eventId, payment, { kind: 'payment_received', to: toUserId, about: fromUserId }),
  ]
}

/** Who is told when a payment is FAILED: the sender alone. The recipient never knew of it. */
export function notificationsOfFailed(
  eventId: string,
  payment: PaymentFailedData,
): NewNotification[] {
  const { fromUserId, toUserId, failureCode } = payment
  const told = { kind: 'payment_failed', to: fromUserId, about: toUserId } as const
  return [{ ...notification(eventId, payment, told), failureCode }]
}

function notification(
  eventId: string,
  payment: PaymentCompletedData | PaymentFailedData,
  told: { readonly kind: NotificationKind; readonly to: string; readonly about: string },
): NewNotification {
  const { paymentId, amount, currency } = payment
  const { kind, to: userId, about: counterpartyId } = told
  return { id: uuidv7(), eventId, userId, kind, paymentId, counterpartyId, amount, currency }
}
