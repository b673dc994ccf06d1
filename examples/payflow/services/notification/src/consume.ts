import { QUEUES } from '@payflow-app/contracts'
import { PaymentCompleted, PaymentFailed } from '@payflow-app/contracts/messages'
import type { Bus, Consumer } from '@payflow/queue'
import type { NotificationDatabase } from './database.ts'
import { notificationsOfCompleted, notificationsOfFailed } from './notifications-of.ts'
import { insertNotifications } from './sql/insert-notifications.ts'

/**
 * The consumer that turns events into notifications: each event's rows are written in the
 * transaction that also notes the event in the inbox, and the broker is told afterwards.
 */
export function createNotificationConsumer(
  bus: Bus<NotificationDatabase>,
  onWritten: (count: number) => void,
): Consumer<NotificationDatabase> {
  return bus
    .consumer({
      name: 'notifications',
      queue: QUEUES.notifications,
      messages: [PaymentCompleted, PaymentFailed],
      concurrency: 4, // Below the pool of 10, so that reading notifications always finds a connection.
    })
    .handle(PaymentCompleted, async (message, { trx }) => {
      onWritten(await insertNotifications(trx, notificationsOfCompleted(message.id, message.data)))
    })
    .handle(PaymentFailed, async (message, { trx }) => {
      onWritten(await insertNotifications(trx, notificationsOfFailed(message.id, message.data)))
    })
}
