import { CompiledQuery } from 'kysely'
import type { Migration } from 'kysely/migration'

/*
 * guard  one row for each effect that a request has had. It commits with the effect, so its primary
 *        key is what makes a second execution harmless, and what a concurrent one waits on.
 *        `state` is 'taken' only inside the transaction that works on it.
 */
const up = (schema: string): readonly string[] => [
  `create schema if not exists ${schema}`,
  // A row is updated once, when its work is done; the free space keeps that a heap-only update.
  `create table ${schema}.guard (
    id text collate "C" not null,
    name text collate "C" not null,
    fingerprint bytea not null,
    fence bigint not null,
    executions integer not null default 1,
    state text not null default 'taken',
    result text,
    taken_at timestamptz not null default now(),
    constraint guard_pkey primary key (id, name),
    constraint guard_fingerprint_is_sha256 check (length(fingerprint) = 32),
    constraint guard_state_known check (state in ('taken', 'stored', 'omitted')),
    constraint guard_result_is_stored check (result is null or state = 'stored')
  ) with (fillfactor = 80)`,
  `create index guard_taken_at on ${schema}.guard (taken_at)`,
]

/** The first version of the table. */
export function guardTable(schema: string): Migration {
  return {
    async up(db) {
      for (const statement of up(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
    async down(db) {
      await db.executeQuery(CompiledQuery.raw(`drop table ${schema}.guard`))
    },
  }
}
