/*
 * Notifications about top-ups, withdrawals and refunds. Readers and writers stand still for as long
 * as it takes to read all notifications once.
 */
export const notificationKinds = `
alter table public.notifications
  drop constraint notifications_kind_known,
  drop constraint notifications_failure_explained,
  add constraint notifications_kind_known check (kind in (
    'payment_sent', 'payment_received', 'payment_failed',
    'top_up_completed', 'top_up_failed', 'withdrawal_completed', 'withdrawal_failed',
    'refund_sent', 'refund_received', 'refund_failed'
  )),
  add constraint notifications_failure_explained
    check ((kind like '%\\_failed') = (failure_code is not null));
`
