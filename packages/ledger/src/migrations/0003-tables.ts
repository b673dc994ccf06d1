import { guardsOf0003 } from './0003-guards.ts'
import { chainBackfill } from './0003-chain-backfill.ts'
import { rules } from './0003-rules.ts'
import { dropFunctions } from './drop-functions.ts'

const OF_FIRST_RELEASE = [
  'account_json',
  'balance',
  'capture',
  'create_account',
  'entries',
  'expire_holds',
  'expired_minor',
  'get_account',
  'hold',
  'hold_json',
  'known_capture',
  'known_hold',
  'known_transfer',
  'lookup',
  'refusal',
  'rejected',
  'release',
  'settle_hold',
  'transfer',
  'transfer_json',
  'trial_balance',
  'verify',
]

/**
 * Tables of the complete ledger, from those of 0001 without losing a row.
 *
 * An account is now one row, or 1 + n: a sharded account has a head row, which has its id and its
 * limits and no money, and n parts with ids of their own, which hold the money. Journal rows name
 * the account and the number of the part. The primary key stays as it was: foreign keys of the
 * caller's own tables point at it.
 */
export function tablesOf0003(s: string): readonly string[] {
  return [
    // None of them fits the new tables, and the next migration creates all anew.
    dropFunctions(s, OF_FIRST_RELEASE),
    ...account(s),
    ...transfer(s),
    ...chainBackfill(s),
    ...transferIndexes(s),
    ...hold(s),
    ...grouped(s),
    ...audit(s),
    ...rules(s),
    ...guardsOf0003(s),
  ]
}

const account = (s: string): readonly string[] => [
  `alter table ${s}.account
  -- Of a part of a sharded account: which account, and which part of it. 0: no part.
  add column part_of uuid,
  add column shard smallint not null default 0,
  -- Number of parts of the account this row is the head of; 0: exact, the row holds the money.
  add column shards smallint not null default 0,
  -- A part of an account that has a floor or a ceiling: only the sum of all parts can be compared.
  add column limited boolean not null default false,
  add column debits_blocked boolean not null default false,
  add column credits_blocked boolean not null default false,
  add column closed_at timestamptz,
  -- Hash of the newest journal row of this row's chain; empty before the first.
  add column head bytea not null default '\\x',
  -- Time of the newest journal row. Recorded time never runs backwards along a sequence, so that
  -- "the balance at an instant" is a binary search.
  add column recorded_at timestamptz`,
  `create unique index account_parts on ${s}.account (part_of, shard) where part_of is not null`,
  // What was decided about an account, in order: limits, freezing, closing.
  `create table ${s}.account_change (
  account_id uuid not null,
  no integer not null,
  change text not null constraint account_change_known check (
    change in ('migrated', 'created', 'limits', 'frozen', 'unfrozen', 'closed')),
  floor_minor bigint,
  ceiling_minor bigint,
  debits_blocked boolean not null,
  credits_blocked boolean not null,
  closed boolean not null,
  reason text,
  created_at timestamptz not null default clock_timestamp(),
  constraint account_change_pkey primary key (account_id, no)
)`,
  `insert into ${s}.account_change (account_id, no, change, floor_minor, ceiling_minor,
    debits_blocked, credits_blocked, closed)
  select id, 1, 'migrated', floor_minor, ceiling_minor, false, false, false from ${s}.account`,
]

const transfer = (s: string): readonly string[] => [
  `alter table ${s}.transfer rename column capture_remainder to remainder`,
  `alter table ${s}.transfer
  add column debit_shard smallint not null default 0,
  add column credit_shard smallint not null default 0,
  -- When it counts, where that is another time than the one it was recorded at.
  add column effective_at timestamptz,
  add column reverses_id uuid,
  add column journal_id uuid,
  add column leg smallint,
  -- Of a remembered refusal: { verb, reason, detail, … }.
  add column rejection jsonb,
  add column debit_hash bytea,
  add column credit_hash bytea`,
  `drop index ${s}.transfer_debit_seq`,
  `drop index ${s}.transfer_credit_seq`,
]

const transferIndexes = (s: string): readonly string[] => [
  `create unique index transfer_debit_seq on ${s}.transfer (debit_id, debit_shard, debit_seq)`,
  `create unique index transfer_credit_seq on ${s}.transfer (credit_id, credit_shard, credit_seq)`,
  `create index transfer_debit_effective on ${s}.transfer (debit_id, effective_at)
    where effective_at is not null`,
  `create index transfer_credit_effective on ${s}.transfer (credit_id, effective_at)
    where effective_at is not null`,
  // What a period holds, to be summed up when it is sealed: recorded times follow the order of the
  // pages, so a summary of each is enough.
  `create index transfer_recorded on ${s}.transfer using brin (created_at) with (autosummarize = on)`,
  `create index transfer_effective on ${s}.transfer (effective_at) where effective_at is not null`,
  `create index transfer_of_original on ${s}.transfer (reverses_id) where reverses_id is not null`,
  `create unique index transfer_of_journal on ${s}.transfer (journal_id, leg)
    where journal_id is not null`,
]

const hold = (s: string): readonly string[] => [
  `alter table ${s}.hold
  add column debit_shard smallint not null default 0,
  add column credit_shard smallint not null default 0`,
  `drop index ${s}.hold_expiring_by_debit`,
  `drop index ${s}.hold_expiring_by_credit`,
  // Serve expiry under the lock, and the sums of verify.
  `create index hold_open_by_debit on ${s}.hold (debit_id, expires_at) where state = 'open'`,
  `create index hold_open_by_credit on ${s}.hold (credit_id, expires_at) where state = 'open'`,
]

const grouped = (s: string): readonly string[] => [
  // A group of transfers that stand or fall together. Its legs are rows of the journal.
  `create table ${s}.journal (
  id uuid constraint journal_pkey primary key,
  legs smallint not null constraint journal_has_legs check (legs between 1 and 1000),
  code text,
  metadata jsonb,
  effective_at timestamptz,
  created_at timestamptz not null
)`,
  // How much of a transfer has been reversed. The CHECK is what makes over-refunding impossible.
  `create table ${s}.reversal_total (
  transfer_id uuid constraint reversal_total_pkey primary key,
  original_minor bigint not null,
  reversed_minor bigint not null,
  constraint reversal_total_within_original check (reversed_minor between 1 and original_minor)
) with (fillfactor = 80)`,
]

const audit = (s: string): readonly string[] => [
  // One row: nothing may be recorded as effective before this instant.
  `create table ${s}.book (
  only_row boolean constraint book_pkey primary key default true
    constraint book_has_one_row check (only_row),
  sealed_until timestamptz not null,
  -- When that was decided: every row of a sealed period was recorded by then.
  sealed_at timestamptz
)`,
  `insert into ${s}.book (sealed_until) values ('-infinity')`,
  `create table ${s}.sealed_period (
  until timestamptz constraint sealed_period_pkey primary key,
  totals jsonb not null,
  sealed_at timestamptz not null
)`,
  // A checkpoint is a block of the journal: for each account that moved since the last one, how far
  // its chain had come, in one snapshot. Its root covers the one before it.
  `create table ${s}.checkpoint (
  no bigint constraint checkpoint_pkey primary key constraint checkpoint_no_counts check (no > 0),
  transfers bigint not null,
  previous_root bytea not null,
  root bytea not null,
  created_at timestamptz not null
)`,
  `create table ${s}.checkpoint_leaf (
  checkpoint_no bigint not null,
  account_id uuid not null,
  shard smallint not null,
  seq bigint not null,
  head bytea not null,
  constraint checkpoint_leaf_pkey primary key (checkpoint_no, account_id, shard)
)`,
  `create index checkpoint_leaf_of_account
    on ${s}.checkpoint_leaf (account_id, shard, checkpoint_no desc)`,
  // The signature is part of the key: who may sign cannot be told here, and whoever comes first with
  // rubbish must not keep the owner of the key out.
  `create table ${s}.checkpoint_signature (
  checkpoint_no bigint not null,
  key_id text not null constraint checkpoint_signature_key check (key_id ~ '^[A-Za-z0-9._:-]{1,64}$'),
  signature bytea not null
    constraint checkpoint_signature_length check (octet_length(signature) = 64),
  created_at timestamptz not null default clock_timestamp(),
  constraint checkpoint_signature_pkey primary key (checkpoint_no, key_id, signature)
)`,
]
