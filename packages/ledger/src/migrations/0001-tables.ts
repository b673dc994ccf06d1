/**
 * Tables and their constraints.
 *
 * The journal has one row a transfer, with both sides in it: a debit without its credit cannot be
 * written down, so no trigger has to add up sides. Each row carries the balances it left and its
 * place in both accounts' sequences, which makes statements, gap checks and keyset pages free.
 *
 * No foreign keys from the journal to accounts: every row is written by a function that holds both
 * account rows locked, accounts cannot be deleted, and `verify` looks for strays. Foreign keys were
 * measured to cost a third of the throughput, and with an insert before the lock they make
 * MultiXacts on a hot row.
 *
 * No index touches a counter of an account, and its pages keep room: balance updates stay HOT.
 */
export function tables(s: string): readonly string[] {
  return [currency(s), account(s), hold(s), ...holdIndexes(s), transfer(s), ...transferIndexes(s)]
}

const currency = (s: string): string => `
create table ${s}.currency (
  code text constraint currency_pkey primary key
    constraint currency_code_form check (code ~ '^[A-Z][A-Z0-9]{2,11}$'),
  exponent smallint not null constraint currency_exponent_range check (exponent between 0 and 18)
)`

const account = (s: string): string => `
create table ${s}.account (
  id uuid constraint account_pkey primary key,
  currency text not null constraint account_currency_known references ${s}.currency (code),
  kind text not null constraint account_kind_known
    check (kind in ('asset', 'liability', 'equity', 'income', 'expense')),
  debit_normal boolean not null generated always as (kind in ('asset', 'expense')) stored,
  floor_minor bigint,
  ceiling_minor bigint,
  posted_debits_minor bigint not null default 0,
  posted_credits_minor bigint not null default 0,
  pending_debits_minor bigint not null default 0,
  pending_credits_minor bigint not null default 0,
  seq bigint not null default 0,
  -- The latest instant by which a hold of this account was judged expired and its money used.
  -- Time never runs behind it here, so that a clock set back cannot bring such a hold to life.
  expiry_horizon timestamptz,
  metadata jsonb,
  created_at timestamptz not null default clock_timestamp(),
  constraint account_counters_not_negative check (
    posted_debits_minor >= 0 and posted_credits_minor >= 0
    and pending_debits_minor >= 0 and pending_credits_minor >= 0 and seq >= 0),
  -- Back-stop. The functions also count open holds; a CHECK cannot, because holds expire.
  constraint account_above_floor check (floor_minor is null or floor_minor <=
    case when debit_normal then posted_debits_minor - posted_credits_minor
         else posted_credits_minor - posted_debits_minor end),
  constraint account_below_ceiling check (ceiling_minor is null or ceiling_minor >=
    case when debit_normal then posted_debits_minor - posted_credits_minor
         else posted_credits_minor - posted_debits_minor end)
) with (fillfactor = 50)`

const hold = (s: string): string => `
create table ${s}.hold (
  id uuid constraint hold_pkey primary key,
  state text not null constraint hold_state_known
    check (state in ('open', 'captured', 'released', 'expired')),
  -- A tombstone: released before it was ever placed. It has an id and nothing else.
  tombstone boolean not null default false,
  debit_id uuid,
  credit_id uuid,
  amount_minor bigint,
  captured_minor bigint not null default 0,
  currency text,
  code text,
  metadata jsonb,
  expires_in_ms bigint,
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  settled_at timestamptz,
  constraint hold_whole_or_tombstone check (
    case when tombstone
      then state = 'released' and num_nonnulls(debit_id, credit_id, amount_minor, currency) = 0
      else num_nulls(debit_id, credit_id, amount_minor, currency) = 0 end),
  constraint hold_two_accounts check (debit_id <> credit_id),
  constraint hold_amount_positive check (amount_minor > 0),
  constraint hold_captured_within_amount
    check (captured_minor between 0 and coalesce(amount_minor, 0)),
  constraint hold_settled_has_time check ((state = 'open') = (settled_at is null))
) with (fillfactor = 80)`

const holdIndexes = (s: string): readonly string[] => [
  `create index hold_expiring_by_debit on ${s}.hold (debit_id, expires_at)
    where state = 'open' and expires_at is not null`,
  `create index hold_expiring_by_credit on ${s}.hold (credit_id, expires_at)
    where state = 'open' and expires_at is not null`,
  `create index hold_expiring on ${s}.hold (expires_at)
    where state = 'open' and expires_at is not null`,
]

const transfer = (s: string): string => `
create table ${s}.transfer (
  id uuid constraint transfer_pkey primary key,
  -- A tombstone takes an id out of use: the recorded decision that it never posts.
  kind text not null constraint transfer_kind_known
    check (kind in ('transfer', 'capture', 'tombstone')),
  debit_id uuid,
  credit_id uuid,
  amount_minor bigint,
  currency text,
  code text,
  metadata jsonb,
  hold_id uuid,
  capture_final boolean,
  capture_remainder boolean,
  debit_seq bigint,
  credit_seq bigint,
  debit_balance_minor bigint,
  credit_balance_minor bigint,
  created_at timestamptz not null default clock_timestamp(),
  constraint transfer_whole_or_tombstone check (
    case when kind = 'tombstone'
      then num_nonnulls(debit_id, credit_id, amount_minor, currency, debit_seq, credit_seq) = 0
      else num_nulls(debit_id, credit_id, amount_minor, currency, debit_seq, credit_seq,
                     debit_balance_minor, credit_balance_minor) = 0 end),
  constraint transfer_capture_has_hold check (
    num_nonnulls(hold_id, capture_final, capture_remainder)
      = case kind when 'capture' then 3 else 0 end),
  constraint transfer_two_accounts check (debit_id <> credit_id),
  constraint transfer_amount_positive check (amount_minor > 0)
)`

const transferIndexes = (s: string): readonly string[] => [
  `create unique index transfer_debit_seq on ${s}.transfer (debit_id, debit_seq)`,
  `create unique index transfer_credit_seq on ${s}.transfer (credit_id, credit_seq)`,
  `create index transfer_of_hold on ${s}.transfer (hold_id, debit_seq) where hold_id is not null`,
]
