import type { RetentionRule } from '@payflow-app/service-kit'
import type { NotificationDatabase } from './database.ts'
import { purgeMails } from './sql/purge-mails.ts'
import { purgeNotifications } from './sql/purge-notifications.ts'

/** For how many days what is kept. */
export interface NotificationRetention {
  readonly mailDays: number
  readonly notificationDays: number
}

/** What notification-service forgets. What somebody has switched off it does not. */
export function retentionOf({
  mailDays,
  notificationDays,
}: NotificationRetention): RetentionRule<NotificationDatabase>[] {
  return [
    {
      table: 'mail_deliveries',
      purge: (trx, rowsMax) => purgeMails(trx, { keptDays: mailDays, rowsMax }),
    },
    {
      table: 'notifications',
      purge: (trx, rowsMax) => purgeNotifications(trx, { keptDays: notificationDays, rowsMax }),
    },
  ]
}
