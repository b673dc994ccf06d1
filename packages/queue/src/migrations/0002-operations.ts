import { CompiledQuery } from 'kysely'
import type { Migration } from 'kysely/migration'

/*
 * operator_action   who moved parked messages or rows, why, which, how many; a row is written before
 *                   the first one moves, and one that still says `running` belonged to a process that died.
 * outbox_confirmed  rows each relay marked as sent, counted in the statement that marks them.
 * outbox_removed    what was deleted from the outbox, by the state it was in.
 * inbox_removed     how many ids were forgotten, and up to which commit: what is older than that is
 *                   not known to be a duplicate any more.
 * consumer_count    what each consumer process counted, as it last said.
 *
 * The removals are written down by triggers, whoever deletes: our own clean-up or a person. They cost
 * nothing where rows are inserted, and they only ever add rows, so two deletions never wait for each
 * other. Rows that a transaction deletes again itself (a batch that gives up a claim) were never there.
 */
const up = (s: string): readonly string[] => [
  `create table ${s}.operator_action (
    id bigint generated always as identity,
    action text not null,
    queue text,
    actor text not null,
    reason text not null,
    filter jsonb not null,
    forced boolean not null default false,
    outcome text not null default 'running',
    examined bigint not null default 0,
    moved bigint not null default 0,
    refused bigint not null default 0,
    parked_again bigint not null default 0,
    error text,
    started_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint operator_action_pkey primary key (id),
    constraint operator_action_known check (action in ('redrive', 'requeue')),
    constraint operator_action_outcome_known
      check (outcome in ('running', 'done', 'interrupted', 'parked-again', 'failed'))
  )`,
  `create table ${s}.outbox_confirmed (
    relay text not null,
    confirmed bigint not null,
    constraint outbox_confirmed_pkey primary key (relay)
  )`,
  `create table ${s}.outbox_removed (
    state text not null,
    removed bigint not null
  )`,
  `create table ${s}.inbox_removed (
    consumer text not null,
    removed bigint not null,
    committed_until timestamptz not null
  )`,
  `create table ${s}.consumer_count (
    consumer text not null,
    process text not null,
    delivered bigint not null,
    committed bigint not null,
    duplicate bigint not null,
    retried bigint not null,
    parked bigint not null,
    released bigint not null,
    abandoned bigint not null,
    in_flight bigint not null,
    ended boolean not null,
    updated_at timestamptz not null default now(),
    constraint consumer_count_pkey primary key (consumer, process)
  )`,
  ...startingCounts(s),
  ...outboxTriggers(s),
  ...inboxTriggers(s),
]

/** What happened before anything was counted. */
const startingCounts = (s: string): readonly string[] => [
  `insert into ${s}.outbox_confirmed (relay, confirmed)
  select 'before counting', count(*) from ${s}.outbox where state = 'sent' having count(*) > 0`,
  `insert into ${s}.consumer_count
  select consumer, 'before counting', count(*), count(*), 0, 0, 0, 0, 0, 0, true, now()
  from ${s}.inbox group by consumer`,
]

const outboxTriggers = (s: string): readonly string[] => [
  `create function ${s}.count_outbox_removed() returns trigger language plpgsql as $fn$
begin
  insert into ${s}.outbox_removed (state, removed)
  select state, count(*) from gone where created_at <> now() group by state;
  return null;
end
$fn$`,
  `create trigger outbox_counts_delete after delete on ${s}.outbox
  referencing old table as gone for each statement execute function ${s}.count_outbox_removed()`,
  `create function ${s}.count_outbox_truncated() returns trigger language plpgsql as $fn$
begin
  insert into ${s}.outbox_removed (state, removed)
  select state, count(*) from ${s}.outbox group by state;
  return null;
end
$fn$`,
  `create trigger outbox_counts_truncate before truncate on ${s}.outbox
  for each statement execute function ${s}.count_outbox_truncated()`,
]

const inboxTriggers = (s: string): readonly string[] => [
  `create function ${s}.count_inbox_removed() returns trigger language plpgsql as $fn$
begin
  insert into ${s}.inbox_removed (consumer, removed, committed_until)
  select consumer, count(*), max(committed_at) from gone where committed_at <> now() group by consumer;
  return null;
end
$fn$`,
  `create trigger inbox_counts_delete after delete on ${s}.inbox
  referencing old table as gone for each statement execute function ${s}.count_inbox_removed()`,
  `create function ${s}.count_inbox_truncated() returns trigger language plpgsql as $fn$
begin
  insert into ${s}.inbox_removed (consumer, removed, committed_until)
  select consumer, count(*), max(committed_at) from ${s}.inbox group by consumer;
  return null;
end
$fn$`,
  `create trigger inbox_counts_truncate before truncate on ${s}.inbox
  for each statement execute function ${s}.count_inbox_truncated()`,
]

const down = (s: string): readonly string[] => [
  `drop trigger inbox_counts_truncate on ${s}.inbox`,
  `drop trigger inbox_counts_delete on ${s}.inbox`,
  `drop trigger outbox_counts_truncate on ${s}.outbox`,
  `drop trigger outbox_counts_delete on ${s}.outbox`,
  ...['inbox_truncated', 'inbox_removed', 'outbox_truncated', 'outbox_removed'].map(
    (name) => `drop function ${s}.count_${name}()`,
  ),
  ...[
    'consumer_count',
    'inbox_removed',
    'outbox_removed',
    'outbox_confirmed',
    'operator_action',
  ].map((table) => `drop table ${s}.${table}`),
]

/** What operators need: an audit of what they moved, and counts that survive processes and clean-ups. */
export function operations(schema: string): Migration {
  return {
    async up(db) {
      for (const statement of up(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
    async down(db) {
      for (const statement of down(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
  }
}
