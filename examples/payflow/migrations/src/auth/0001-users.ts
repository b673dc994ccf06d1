/*
 * users                one row a person. `lower(email)` is unique, however the address was typed.
 * refresh_families     one row a login; revoking it ends the session and all tokens of it.
 * refresh_tokens       one row a token ever issued, by its hash. A used one that comes again has
 *                      been stolen from somebody: its family is revoked.
 * wallet_provisioning  one row a user, written with the user; its wallet is owed until
 *                      `provisioned_at` says it exists.
 */
export const users = `
create table public.users (
  id uuid not null,
  email text not null,
  name text not null,
  password_hash text not null,
  created_at timestamptz not null default now(),
  constraint users_pkey primary key (id),
  constraint users_email_length check (char_length(email) between 3 and 254),
  constraint users_name_length check (char_length(name) between 1 and 80)
);
create unique index users_email_key on public.users (lower(email));
-- Prefix searches by LIKE; text_pattern_ops makes them index scans under any collation.
create index users_email_prefix on public.users (lower(email) text_pattern_ops);
create index users_name_prefix on public.users (lower(name) text_pattern_ops);

create table public.refresh_families (
  id uuid not null,
  user_id uuid not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  revoked_because text,
  constraint refresh_families_pkey primary key (id),
  constraint refresh_families_user_fkey foreign key (user_id) references public.users (id),
  constraint refresh_families_reason_known
    check (revoked_because in ('logout', 'reuse')),
  constraint refresh_families_revoked_with_reason
    check ((revoked_at is null) = (revoked_because is null))
);
create index refresh_families_user on public.refresh_families (user_id) where revoked_at is null;

create table public.refresh_tokens (
  token_hash bytea not null,
  family_id uuid not null,
  issued_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  constraint refresh_tokens_pkey primary key (token_hash),
  constraint refresh_tokens_hash_length check (octet_length(token_hash) = 32),
  constraint refresh_tokens_family_fkey
    foreign key (family_id) references public.refresh_families (id)
);
create index refresh_tokens_family on public.refresh_tokens (family_id);

create table public.wallet_provisioning (
  user_id uuid not null,
  currency text not null,
  created_at timestamptz not null default now(),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  last_error text,
  provisioned_at timestamptz,
  constraint wallet_provisioning_pkey primary key (user_id),
  constraint wallet_provisioning_user_fkey foreign key (user_id) references public.users (id)
);
create index wallet_provisioning_due on public.wallet_provisioning (next_attempt_at)
  where provisioned_at is null;
`
