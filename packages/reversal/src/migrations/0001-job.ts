import { CompiledQuery } from 'kysely'
import type { Migration } from 'kysely/migration'

/*
 * job  one row for each job, for ever: its counts only grow, so a counter made of them never runs
 *      backwards, and there is nothing to clean up. All times are those of the database.
 *      last_success_at   the last run that looked at everything stale, and failed at nothing.
 *      last_mass_at      the last run that met a mass reversal, whatever it did about it.
 */
const up = (schema: string): readonly string[] => [
  `create schema if not exists ${schema}`,
  // Updated after every batch; the free space keeps that a heap-only update.
  `create table ${schema}.job (
    name text collate "C" not null,
    runs bigint not null default 0,
    reversed bigint not null default 0,
    completed bigint not null default 0,
    not_yet bigint not null default 0,
    lost bigint not null default 0,
    failed bigint not null default 0,
    paused bigint not null default 0,
    last_started_at timestamptz not null default now(),
    last_ended_at timestamptz,
    last_ended_by text,
    last_success_at timestamptz,
    last_mass_at timestamptz,
    constraint job_pkey primary key (name)
  ) with (fillfactor = 50)`,
]

/** The first version of the table. */
export function jobTable(schema: string): Migration {
  return {
    async up(db) {
      for (const statement of up(schema)) await db.executeQuery(CompiledQuery.raw(statement))
    },
    async down(db) {
      await db.executeQuery(CompiledQuery.raw(`drop table ${schema}.job`))
    },
  }
}
