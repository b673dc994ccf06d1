/** Bodies of `/api/notifications`. */
import { z } from 'zod'
import {
  amountField,
  currencyField,
  cursorField,
  idField,
  instantField,
  limitField,
  pageOf,
} from './fields.ts'
import { UNREAD_COUNT_MAX } from './limits.ts'
import { FAILURE_CODES } from './statuses.ts'

/**
 * What a notification is about. Of a payment and of a refund the sender gets `sent` or `failed`, the
 * recipient `received`; a top-up and a withdrawal concern one person only.
 */
export const NOTIFICATION_KINDS = [
  'payment_sent',
  'payment_received',
  'payment_failed',
  'top_up_completed',
  'top_up_failed',
  'withdrawal_completed',
  'withdrawal_failed',
  'refund_sent',
  'refund_received',
  'refund_failed',
] as const
export type NotificationKind = (typeof NOTIFICATION_KINDS)[number]

export const notificationView = z.object({
  id: idField,
  kind: z.enum(NOTIFICATION_KINDS),
  paymentId: idField,
  /** The other party of the payment. */
  counterpartyId: idField,
  amount: amountField,
  currency: currencyField,
  failureCode: z.enum(FAILURE_CODES).optional(),
  /** The notification as a sentence. */
  text: z.string(),
  createdAt: instantField,
  /** When it was marked as read; null until then. */
  readAt: instantField.nullable(),
})
export type NotificationView = z.infer<typeof notificationView>

/** `GET /api/notifications?limit=&cursor=`, newest first. */
export const notificationListQuery = z.object({
  limit: limitField,
  cursor: cursorField.optional(),
})
export type NotificationListQuery = z.infer<typeof notificationListQuery>

export const notificationPage = pageOf(notificationView)
export type NotificationPage = z.infer<typeof notificationPage>

/** `GET /api/notifications/unread` */
export const unreadCountView = z.object({
  unread: z
    .int()
    .min(0)
    .max(UNREAD_COUNT_MAX)
    .describe(`How many are not read; ${UNREAD_COUNT_MAX} stands for more as well.`),
})
export type UnreadCountView = z.infer<typeof unreadCountView>

/** `PUT /api/notifications/preferences` */
export const notificationPreferencesRequest = z.strictObject({
  paymentMails: z.boolean().describe('Whether payments are told of by e-mail.'),
})
export type NotificationPreferencesRequest = z.infer<typeof notificationPreferencesRequest>

/** What a user is told by e-mail. */
export const notificationPreferencesView = z.object({
  paymentMails: z.boolean().describe('Whether payments are told of by e-mail.'),
  securityMails: z
    .literal(true)
    .describe('Passwords and locks are always told of: who took an account must not hide it.'),
})
export type NotificationPreferencesView = z.infer<typeof notificationPreferencesView>
