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
  const { kind } = payment
  if (kind === 'top_up') return [toRecipient(eventId, payment, 'top_up_completed')]
  if (kind === 'withdrawal') return [toSender(eventId, payment, 'withdrawal_completed')]
  return [
    toSender(eventId, payment, `${kind}_sent`),
    toRecipient(eventId, payment, `${kind}_received`),
  ]
}

/** Who is told when a payment is FAILED: who asked for it, alone. The other never knew of it. */
export function notificationsOfFailed(
  eventId: string,
  payment: PaymentFailedData,
): NewNotification[] {
  const { kind, failureCode } = payment
  const told =
    kind === 'top_up'
      ? toRecipient(eventId, payment, 'top_up_failed')
      : toSender(eventId, payment, `${kind}_failed`)
  return [{ ...told, failureCode }]
}

type Ended = PaymentCompletedData | PaymentFailedData

function toSender(eventId: string, payment: Ended, kind: NotificationKind): NewNotification {
  const { fromUserId, toUserId } = payment
  return notification(eventId, payment, { kind, to: fromUserId, about: toUserId })
}

function toRecipient(eventId: string, payment: Ended, kind: NotificationKind): NewNotification {
  const { fromUserId, toUserId } = payment
  return notification(eventId, payment, { kind, to: toUserId, about: fromUserId })
}

function notification(
  eventId: string,
  payment: Ended,
  told: { readonly kind: NotificationKind; readonly to: string; readonly about: string },
): NewNotification {
  const { paymentId, amount, currency } = payment
  const { kind, to: userId, about: counterpartyId } = told
  return { id: uuidv7(), eventId, userId, kind, paymentId, counterpartyId, amount, currency }
}
