import { QUEUES } from '@payflow-app/contracts'
import {
  PasswordChanged,
  PasswordResetRequested,
  PaymentCompleted,
  PaymentFailed,
  UserLocked,
} from '@payflow-app/contracts/messages'
import type { Bus, Consumer } from '@payflow/queue'
import type { Transaction } from 'kysely'
import type { NotificationDatabase } from './database.ts'
import type { NewMail } from './mail/mail.ts'
import {
  mailOfLock,
  mailOfNotification,
  mailOfPasswordChange,
  mailOfPasswordReset,
} from './mail/mails-of.ts'
import {
  notificationsOfCompleted,
  notificationsOfFailed,
  type NewNotification,
} from './notifications-of.ts'
import { insertMails } from './sql/insert-mails.ts'
import { insertNotifications } from './sql/insert-notifications.ts'

/** Options of {@link createNotificationConsumer}. */
export interface NotificationConsumerOptions {
  /** Whether mails are written down: where none is sent, they would only be old one day. */
  readonly mailIsOn: boolean
  readonly onWritten: (count: number) => void
}

/**
 * The consumer that turns events into notifications and mails: each event's rows are written in the
 * transaction that also notes the event in the inbox, and the broker is told afterwards. Nothing is
 * sent here: no mail server, however slow, holds up a notification.
 */
export function createNotificationConsumer(
  bus: Bus<NotificationDatabase>,
  { mailIsOn, onWritten }: NotificationConsumerOptions,
): Consumer<NotificationDatabase> {
  const mail = async (trx: Transaction<NotificationDatabase>, mails: readonly NewMail[]) => {
    if (mailIsOn) await insertMails(trx, mails)
  }
  const notify = async (
    trx: Transaction<NotificationDatabase>,
    notifications: readonly NewNotification[],
    { occurredAt }: { readonly occurredAt: string },
  ) => {
    onWritten(await insertNotifications(trx, notifications))
    await mail(
      trx,
      notifications.map((one) => mailOfNotification(one, occurredAt)),
    )
  }
  return bus
    .consumer({
      name: 'notifications',
      queue: QUEUES.notifications,
      messages: [
        PaymentCompleted,
        PaymentFailed,
        PasswordResetRequested,
        PasswordChanged,
        UserLocked,
      ],
      // Nobody waits for these: many in one transaction leave the servers to the payments.
      batch: { size: 50, waitMs: 20 },
      concurrency: 2, // Below the pool of 10, so that reading notifications always finds a connection.
    })
    .handle(PaymentCompleted, async ({ id, data }, { trx }) => {
      await notify(trx, notificationsOfCompleted(id, data), data)
    })
    .handle(PaymentFailed, async ({ id, data }, { trx }) => {
      await notify(trx, notificationsOfFailed(id, data), data)
    })
    .handle(PasswordResetRequested, async ({ id, data }, { trx }) => {
      await mail(trx, [mailOfPasswordReset(id, data)])
    })
    .handle(PasswordChanged, async ({ id, data }, { trx }) => {
      await mail(trx, [mailOfPasswordChange(id, data)])
    })
    .handle(UserLocked, async ({ id, data }, { trx }) => {
      await mail(trx, [mailOfLock(id, data)])
    })
}
