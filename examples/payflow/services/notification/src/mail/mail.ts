import {
  NOTIFICATION_KINDS,
  type ContactView,
  type NotificationKind,
  type PasswordChangedData,
} from '@payflow-app/contracts'
import type { NotificationRow } from '../database.ts'

/** Mails about the safety of an account. They cannot be switched off. */
export const SECURITY_MAIL_KINDS = ['password_reset', 'password_changed', 'account_locked'] as const

/** What a mail is about. Those about payments are the notifications, and can be switched off. */
export const MAIL_KINDS = [...NOTIFICATION_KINDS, ...SECURITY_MAIL_KINDS] as const
export type MailKind = (typeof MAIL_KINDS)[number]

/** Who is written to. */
export type Contact = Pick<ContactView, 'email' | 'name'>

/** What a mail about a payment says beside the names. */
export interface PaymentAbout extends Pick<
  NotificationRow,
  'paymentId' | 'counterpartyId' | 'amountMinor' | 'currency' | 'failureCode'
> {
  readonly kind: NotificationKind
  readonly occurredAt: string
}

/** What a mail says beside the names; without secrets, for it is kept. */
export type MailAbout =
  | PaymentAbout
  | { readonly kind: 'password_reset'; readonly expiresAt: string }
  | {
      readonly kind: 'password_changed'
      readonly occurredAt: string
      readonly by: PasswordChangedData['by']
    }
  | { readonly kind: 'account_locked'; readonly occurredAt: string; readonly lockedUntil: string }

/** A mail to be written down, beside what is already known of its event. */
export interface NewMail {
  readonly id: string
  readonly eventId: string
  readonly userId: string
  readonly about: MailAbout
  /** Where it goes, when the event says so. Else auth-service is asked at the time of sending. */
  readonly contact?: Contact
  /** The token of a link. Kept until the mail is sent or given up, and no longer. */
  readonly secret?: string
  /** After this the mail is of no use. @defaultValue three days from now */
  readonly useUntil?: string
}

/** Tells whether a mail can be switched off by its reader. */
export function isPaymentMail(kind: MailKind): kind is NotificationKind {
  return (NOTIFICATION_KINDS as readonly MailKind[]).includes(kind)
}

/** Tells whether somebody else is at the other end, and not the funding account of the sandbox. */
export function isBetweenUsers(kind: NotificationKind): boolean {
  return !/^(top_up|withdrawal)_/.test(kind)
}
