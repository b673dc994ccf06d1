/*
 * login_guards    attempts to log in, counted by the hash of an address, whoever has it: known and
 *                 unknown addresses cost the same. A row with a device counts that device alone, so
 *                 that strangers who guess cannot lock out the browser the owner has used before.
 * reset_requests  who asked for a new password, until it is looked whether they exist.
 * reset_tokens    the links that were mailed, by their hash. Good once, and not for long.
 * audit_events    what happened to an account. Rows are added, and never changed or taken away: the
 *                 service's role may not, and the trigger does not let the owner either.
 */
export const accountSecurity = `
alter table public.users
  add column password_version integer not null default 1,
  add column password_changed_at timestamptz not null default now();

alter table public.refresh_families
  add column client text not null default '',
  add column device_hash bytea,
  add constraint refresh_families_client_length check (char_length(client) <= 80),
  drop constraint refresh_families_reason_known,
  add constraint refresh_families_reason_known check (revoked_because in
    ('logout', 'reuse', 'logout_all', 'ended', 'password_changed', 'password_reset'));

-- With it and the used token, the successor can be made again; with it alone, nothing can.
alter table public.refresh_tokens
  add column successor_salt bytea;

create table public.login_guards (
  account_hash bytea not null,
  device_hash bytea not null default '',
  attempts integer not null default 0,
  attempted_at timestamptz not null default now(),
  announced boolean not null default false,
  constraint login_guards_pkey primary key (account_hash, device_hash),
  constraint login_guards_account_length check (octet_length(account_hash) = 32),
  constraint login_guards_device_length check (octet_length(device_hash) in (0, 32)),
  constraint login_guards_attempts_positive check (attempts >= 0)
);
create index login_guards_lapsed on public.login_guards (attempted_at)
  where octet_length(device_hash) = 0;

create table public.reset_requests (
  id bigint generated always as identity,
  email text not null,
  client text not null,
  request_id text,
  address_hash bytea,
  created_at timestamptz not null default now(),
  constraint reset_requests_pkey primary key (id)
);

create table public.reset_tokens (
  token_hash bytea not null,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  spent_at timestamptz,
  constraint reset_tokens_pkey primary key (token_hash),
  constraint reset_tokens_hash_length check (octet_length(token_hash) = 32),
  constraint reset_tokens_user_fkey foreign key (user_id) references public.users (id)
);
create index reset_tokens_live on public.reset_tokens (user_id) where spent_at is null;

create table public.audit_events (
  id uuid not null default gen_random_uuid(),
  at timestamptz not null default clock_timestamp(),
  type text not null,
  user_id uuid,
  session_id uuid,
  account_hash bytea,
  address_hash bytea,
  client text not null default '',
  request_id text,
  constraint audit_events_pkey primary key (id),
  constraint audit_events_user_fkey foreign key (user_id) references public.users (id)
);
create index audit_events_of_user on public.audit_events (user_id, at desc, id desc);

create function public.refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit_events is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_events_append_only before update or delete or truncate
  on public.audit_events for each statement execute function public.refuse_audit_change();
`
