/*
 * kind       what a row of `payments` is: a payment between two users, a top-up from the sandbox
 *            bank, a withdrawal to it, or the refund of a payment.
 * refund_of  the payment that a refund gives back, in part or whole.
 *
 * payments_asker_key replaces payments_user_key: one row for each key of who asked for it. That is
 * the sender, but for a top-up, whose sender is the bank for everybody.
 *
 * The other indexes are for the filters of the history, which otherwise would read all of it: by
 * the other party (one index for both directions), by what is rare: kinds, and what is pending or
 * has failed, each a range of its own however many there are of the other.
 *
 * payments_refunded leaves failed refunds out: what was refunded is added up whenever a payment is
 * read, and it is not the reader who decides how often somebody tries.
 *
 * What stands still: whoever reads or writes payments, for as long as it takes to read all of them
 * once, for the constraints, and to sort them twice, for the first two indexes.
 */
export const paymentKinds = `
alter table public.payments
  add column kind text not null default 'payment',
  add column refund_of uuid,
  add constraint payments_kind_known
    check (kind in ('payment', 'top_up', 'withdrawal', 'refund')),
  add constraint payments_refund_names_payment
    check ((kind = 'refund') = (refund_of is not null)),
  add constraint payments_refund_fkey foreign key (refund_of) references public.payments (id),
  drop constraint payments_user_key;
create unique index payments_asker_key on public.payments
  ((case kind when 'top_up' then to_user_id else from_user_id end), idempotency_key);
create index payments_between on public.payments
  (least(from_user_id, to_user_id), greatest(from_user_id, to_user_id), created_at desc, id desc);
create index payments_sent_kind on public.payments (from_user_id, kind, created_at desc, id desc)
  where kind <> 'payment';
create index payments_received_kind on public.payments (to_user_id, kind, created_at desc, id desc)
  where kind <> 'payment';
create index payments_sent_status on public.payments
  (from_user_id, status, created_at desc, id desc) where status <> 'COMPLETED';
create index payments_received_status on public.payments
  (to_user_id, status, created_at desc, id desc) where status <> 'COMPLETED';
create index payments_refunds on public.payments (refund_of, created_at desc, id desc)
  where refund_of is not null;
create index payments_refunded on public.payments (refund_of) include (amount_minor, status)
  where refund_of is not null and status <> 'FAILED';
`
