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
  const notify = async <D extends { readonly occurredAt: string }>(
    trx: Transaction<NotificationDatabase>,
    events: readonly { readonly id: string; readonly data: D }[],
    notificationsOf: (eventId: string, data: D) => readonly NewNotification[],
  ) => {
    const told = events.flatMap(({ id, data }) =>
      notificationsOf(id, data).map((one) => ({ one, occurredAt: data.occurredAt })),
    )
    onWritten(
      await insertNotifications(
        trx,
        told.map(({ one }) => one),
      ),
    )
    await mail(
      trx,
      told.map(({ one, occurredAt }) => mailOfNotification(one, occurredAt)),
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
      // Nobody waits for these: many in one transaction, and those about payments with two statements,
      // leave the servers to the payments.
      batch: { size: 50, waitMs: 20 },
      concurrency: 2, // Below the pool of 10, so that reading notifications always finds a connection.
    })
    .handleBatch(PaymentCompleted, async (events, { trx }) => {
      await notify(trx, events, notificationsOfCompleted)
    })
    .handleBatch(PaymentFailed, async (events, { trx }) => {
      await notify(trx, events, notificationsOfFailed)
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
