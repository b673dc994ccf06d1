import { createIndex } from '../sql/create-index.ts'
import { lockForIndexes } from '../sql/lock-for-indexes.ts'

/*
 * What lets notification-service find what it may forget. Times grow, so the indexes are written at
 * their right edge only.
 *
 * What stands still: whoever writes notifications and mails, for as long as it takes to sort all of
 * them once. After 2 s events go back to their queue and come again, and whoever marks something as
 * read is answered 503. Where that is too long, build the indexes before, `concurrently`, under
 * these names.
 */
export const notificationRetention = `
${lockForIndexes('public.notifications', 'public.mail_deliveries')}
${createIndex('notifications_oldest', 'public.notifications (created_at)')}
${createIndex(
  'mail_deliveries_settled',
  'public.mail_deliveries (settled_at) where settled_at is not null',
)}
`
