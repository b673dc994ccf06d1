import { CompiledQuery } from 'kysely'
import type { Migration } from 'kysely/migration'

/*
 * inbox      one row for each message a consumer has committed; its primary key is what makes a
 *            redelivery harmless, and what a concurrent twin waits on.
 * attempt    rows only for messages that failed or were delivered more than once: `failed` ended with
 *            an error, `started` began and have not ended (a process died, or is at work).
 * partition  the relays' leases. `epoch` changes with every owner and fences the old one.
 * outbox     `claimed_at` is null until a relay has taken the row in hand for the first time, which
 *            is what `cancel` promises by; it is set back only when nothing was handed to the broker.
 */
const up = (schema: string): readonly string[] => [
  `create schema if not exists ${schema}`,
  `create table ${schema}.inbox (
    consumer text not null,
    message_id text not null,
    payload_hash bytea not null,
    committed_at timestamptz not null default now(),
    constraint inbox_pkey primary key (consumer, message_id)
  )`,
  `create table ${schema}.attempt (
    consumer text not null,
    message_id text not null,
    failed integer not null default 0,
    started integer not null default 0,
    last_error text,
    first_seen_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint attempt_pkey primary key (consumer, message_id),
    constraint attempt_counts_not_negative check (failed >= 0 and started >= 0)
  )`,
  `create table ${schema}.partition (
    id smallint not null,
    owner text,
    epoch bigint not null default 0,
    leased_until timestamptz not null default '-infinity',
    constraint partition_pkey primary key (id)
  )`,
  `insert into ${schema}.partition (id) select generate_series(0, 15)`,
  // Rows are updated twice in their life; the free space keeps the claim a heap-only update.
  `create table ${schema}.outbox (
    seq bigint generated always as identity,
    id text not null,
    partition smallint not null,
    key text not null,
    exchange text not null,
    routing_key text not null,
    type text not null,
    headers jsonb not null,
    payload bytea not null,
    state text not null default 'pending',
    attempts integer not null default 0,
    available_at timestamptz not null default '-infinity',
    claimed_at timestamptz,
    created_at timestamptz not null default now(),
    settled_at timestamptz,
    last_error text,
    constraint outbox_pkey primary key (seq),
    constraint outbox_id_key unique (id),
    constraint outbox_partition_known check (partition between 0 and 15),
    constraint outbox_state_known check (state in ('pending', 'sent', 'cancelled', 'parked'))
  ) with (fillfactor = 80)`,
  `create index outbox_pending on ${schema}.outbox (seq) where state = 'pending'`,
  `create index outbox_waiting on ${schema}.outbox (key, seq)
    where state = 'pending' and attempts > 0`,
  `create index outbox_parked on ${schema}.outbox (seq) where state = 'parked'`,
  `create index outbox_settled on ${schema}.outbox (settled_at)
    where state in ('sent', 'cancelled')`,
]

const down = (schema: string): readonly string[] =>
  ['outbox', 'partition', 'attempt', 'inbox'].map((table) => `drop table ${schema}.${table}`)

/** The first version of the tables. */
export function inboxAndOutbox(schema: string): Migration {
  return {
    async up(db) {
      for (const statement of up(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
    async down(db) {
      for (const statement of down(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
  }
}
