/*
 * What lets notification-service find what it may forget. Times grow, so the indexes are written at
 * their right edge only.
 *
 * What stands still: whoever writes notifications and mails, for as long as it takes to sort all of
 * them once. Where that is too long, build the indexes before, `concurrently`, under these names.
 */
export const notificationRetention = `
create index if not exists notifications_oldest on public.notifications (created_at);
create index if not exists mail_deliveries_settled on public.mail_deliveries (settled_at)
  where settled_at is not null;
`
