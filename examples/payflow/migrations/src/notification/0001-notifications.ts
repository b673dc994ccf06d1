/*
 * notifications  one row a user and event; the unique key makes a redelivered event harmless.
 */
export const notifications = `
create table public.notifications (
  id uuid not null,
  event_id text not null,
  user_id uuid not null,
  kind text not null,
  payment_id uuid not null,
  counterparty_id uuid not null,
  amount_minor bigint not null,
  currency text not null,
  failure_code text,
  created_at timestamptz not null default now(),
  read_at timestamptz,
  constraint notifications_pkey primary key (id),
  constraint notifications_event_user_key unique (event_id, user_id),
  constraint notifications_kind_known
    check (kind in ('payment_sent', 'payment_received', 'payment_failed')),
  constraint notifications_amount_positive check (amount_minor > 0),
  constraint notifications_failure_explained
    check ((kind = 'payment_failed') = (failure_code is not null))
);
create index notifications_newest on public.notifications (user_id, created_at desc, id desc);
`
