import type {
  PasswordChangedData,
  PasswordResetRequestedData,
  UserLockedData,
} from '@payflow-app/contracts'
import { v7 as uuidv7 } from 'uuid'
import type { NewNotification } from '../notifications-of.ts'
import type { NewMail } from './mail.ts'

/** The mail that says what a notification says. */
export function mailOfNotification(notification: NewNotification, occurredAt: string): NewMail {
  const { eventId, userId, kind, paymentId, counterpartyId, currency } = notification
  const amountMinor = String(notification.amount)
  const failureCode = notification.failureCode ?? null
  const about = { kind, paymentId, counterpartyId, amountMinor, currency, failureCode, occurredAt }
  return { id: uuidv7(), eventId, userId, about }
}

/** The mail with the link to a new password. It is of no use once the link has expired. */
export function mailOfPasswordReset(eventId: string, event: PasswordResetRequestedData): NewMail {
  const { userId, email, name, token, expiresAt } = event
  return {
    id: uuidv7(),
    eventId,
    userId,
    about: { kind: 'password_reset', expiresAt },
    contact: { email, name },
    secret: token,
    useUntil: expiresAt,
  }
}

/** The mail that says that the password is another one, in case it was not the reader's doing. */
export function mailOfPasswordChange(eventId: string, event: PasswordChangedData): NewMail {
  const { userId, email, name, occurredAt, by } = event
  const about = { kind: 'password_changed', occurredAt, by } as const
  return { id: uuidv7(), eventId, userId, about, contact: { email, name } }
}

/** The mail that says why nobody can log in for a while. */
export function mailOfLock(eventId: string, event: UserLockedData): NewMail {
  const { userId, email, name, occurredAt, lockedUntil } = event
  const about = { kind: 'account_locked', occurredAt, lockedUntil } as const
  return { id: uuidv7(), eventId, userId, about, contact: { email, name } }
}
