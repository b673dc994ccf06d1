/*
 * mail_deliveries   one row an event, user and channel, written with the notification: what is to be
 *                   told by mail, and what has become of it. `sending` is a lease: whoever has the
 *                   token holds it until `due_at`. `failed` says that no copy was taken, `unknown`
 *                   that one may have been; both are given up. No address is kept for longer than
 *                   the mail is unsent, and the secret of a link neither.
 * mail_preferences  users who switched something off; no row means that nothing is.
 *
 * Writers of notifications stand still while the index of the unread ones is built; readers do not.
 */
export const mail = `
create table public.mail_deliveries (
  id uuid not null,
  event_id text not null,
  user_id uuid not null,
  channel text not null default 'email',
  kind text not null,
  urgency smallint not null,
  about jsonb not null,
  contact jsonb,
  secret text,
  state text not null default 'pending',
  attempts integer not null default 0,
  maybe_taken boolean not null default false,
  due_at timestamptz not null default now(),
  give_up_at timestamptz not null,
  lease_token uuid,
  reason text,
  created_at timestamptz not null default now(),
  settled_at timestamptz,
  constraint mail_deliveries_pkey primary key (id),
  constraint mail_deliveries_event_user_channel_key unique (event_id, user_id, channel),
  constraint mail_deliveries_state_known
    check (state in ('pending', 'sending', 'sent', 'failed', 'unknown', 'skipped')),
  constraint mail_deliveries_lease_while_sending
    check ((state = 'sending') = (lease_token is not null)),
  constraint mail_deliveries_settled
    check ((state in ('pending', 'sending')) = (settled_at is null)),
  constraint mail_deliveries_forgets
    check (settled_at is null or (contact is null and secret is null)),
  constraint mail_deliveries_explained
    check (state not in ('failed', 'unknown') or reason is not null)
);
create index mail_deliveries_due on public.mail_deliveries (urgency, due_at)
  where state in ('pending', 'sending');
create index mail_deliveries_unsent on public.mail_deliveries (created_at)
  where state in ('pending', 'sending');
create index mail_deliveries_given_up on public.mail_deliveries (settled_at)
  where state in ('failed', 'unknown');
create index mail_deliveries_of_user on public.mail_deliveries (user_id)
  where state = 'pending';

create table public.mail_preferences (
  user_id uuid not null,
  payment_mails boolean not null,
  updated_at timestamptz not null default now(),
  constraint mail_preferences_pkey primary key (user_id)
);

create index notifications_unread on public.notifications (user_id) where read_at is null;
`
