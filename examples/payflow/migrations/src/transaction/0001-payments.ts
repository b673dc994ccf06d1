/*
 * payment_claims  who asked for which payment under which key, written before anything else is
 *                 done: a retry after a crash finds the id that the hold was placed under. A
 *                 refusal by the ledger is kept here, so that the same key gives the same answer.
 * payments        one row an accepted payment. PENDING is left once, by compare-and-set.
 *
 * dispatched_at is set when the broker has confirmed the message: from then on the longer of the
 * two leashes of the reversal applies.
 */
export const payments = `
create table public.payment_claims (
  user_id uuid not null,
  key text collate "C" not null,
  payment_id uuid not null,
  fingerprint bytea not null,
  created_at timestamptz not null default now(),
  refusal jsonb,
  refused_at timestamptz,
  constraint payment_claims_pkey primary key (user_id, key),
  constraint payment_claims_payment_key unique (payment_id),
  constraint payment_claims_key_length check (char_length(key) between 1 and 255),
  constraint payment_claims_refused_with_reason check ((refusal is null) = (refused_at is null))
);

create table public.payments (
  id uuid not null,
  from_user_id uuid not null,
  to_user_id uuid not null,
  amount_minor bigint not null,
  currency text not null,
  note text,
  status text not null default 'PENDING',
  failure_code text,
  idempotency_key text collate "C" not null,
  fingerprint bytea not null,
  message_id uuid not null,
  created_at timestamptz not null default now(),
  dispatched_at timestamptz,
  completed_at timestamptz,
  resolved_by text,
  constraint payments_pkey primary key (id),
  constraint payments_user_key unique (from_user_id, idempotency_key),
  constraint payments_amount_positive check (amount_minor > 0),
  constraint payments_parties_differ check (from_user_id <> to_user_id),
  constraint payments_note_length check (char_length(note) <= 140),
  constraint payments_status_known check (status in ('PENDING', 'COMPLETED', 'FAILED')),
  constraint payments_failure_explained check ((status = 'FAILED') = (failure_code is not null)),
  constraint payments_settled_once check (
    (status = 'PENDING') = (completed_at is null) and (status = 'PENDING') = (resolved_by is null)
  ),
  constraint payments_resolver_known check (resolved_by in ('worker', 'reversal'))
) with (fillfactor = 80);
-- The reversal looks through what is pending only, oldest first: one range of one index a leash.
create index payments_undispatched on public.payments (created_at, id)
  where status = 'PENDING' and dispatched_at is null;
create index payments_unprocessed on public.payments (dispatched_at, id)
  where status = 'PENDING' and dispatched_at is not null;
-- History, newest first, of a user as sender and as recipient.
create index payments_sent on public.payments (from_user_id, created_at desc, id desc);
create index payments_received on public.payments (to_user_id, created_at desc, id desc);
`
