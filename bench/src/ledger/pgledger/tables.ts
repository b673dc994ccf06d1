/*
 * The tables of pgledger: the same columns, types, defaults, constraints and indexes in the same
 * order, `fillfactor` and all else as PostgreSQL has it. Written by us, in a schema of their own.
 */
export const tableStatements: readonly string[] = [
  `create table rebuilt.account (
  id text primary key default rebuilt.new_id('pgla'),
  name text not null,
  currency text not null,
  balance numeric not null default 0,
  version bigint not null default 0,
  allow_negative_balance boolean not null,
  allow_positive_balance boolean not null,
  metadata jsonb,
  created_at timestamptz not null,
  updated_at timestamptz not null
)`,
  `create table rebuilt.transfer (
  id text primary key default rebuilt.new_id('pglt'),
  from_account_id text not null references rebuilt.account (id),
  to_account_id text not null references rebuilt.account (id),
  amount numeric not null,
  created_at timestamptz not null,
  event_at timestamptz not null,
  metadata jsonb,
  check (amount > 0 and from_account_id <> to_account_id)
)`,
  'create index on rebuilt.transfer (from_account_id)',
  'create index on rebuilt.transfer (to_account_id)',
  'create index on rebuilt.transfer (event_at)',
  `create table rebuilt.entry (
  id text primary key default rebuilt.new_id('pgle'),
  account_id text not null references rebuilt.account (id),
  transfer_id text not null references rebuilt.transfer (id),
  amount numeric not null,
  account_previous_balance numeric not null,
  account_current_balance numeric not null,
  account_version bigint not null,
  created_at timestamptz not null
)`,
  'create index on rebuilt.entry (account_id)',
  'create index on rebuilt.entry (transfer_id)',
  `create view rebuilt.transfer_view as
  select id, from_account_id, to_account_id, amount, created_at, event_at, metadata
  from rebuilt.transfer`,
]
