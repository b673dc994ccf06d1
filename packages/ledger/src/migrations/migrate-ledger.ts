import type { Kysely } from 'kysely'
import { LedgerError } from '../errors.ts'
import { schemaName } from '../schema-name.ts'
import { apply, inTransaction } from './apply.ts'
import { MIGRATIONS } from './numbered.ts'
import type { LedgerMigrationOptions } from './provider.ts'
import { newer, openRecord, run } from './record.ts'

/** Options of {@link migrateLedger}. */
export type MigrateLedgerOptions = LedgerMigrationOptions

/**
 * The lock that Kysely's Migrator takes: also the first release of this package, which migrated with
 * one, waits for us and we for it.
 */
const LOCK = '3853314791062309107'

/**
 * Brings the ledger's schema up to date, in one transaction: all of it or nothing. Safe to call from
 * several processes at once, and again. The record of what has run is kept inside the schema itself
 * (`ledger.migration`, and `ledger.migration_checksum` with the checksum of each text).
 *
 * Tables are locked until the end, so calls wait meanwhile, and a process of an older version of the
 * package answers `LEDGER_NOT_MIGRATED` afterwards: stop those first. `lock_timeout` and
 * `statement_timeout` of the connection apply; a migration they end leaves the old schema at work.
 *
 * @throws {@link LedgerError} with code `LEDGER_MIGRATION_FAILED` (nothing of the run remains),
 * `LEDGER_MIGRATION_CHANGED` or `LEDGER_SCHEMA_NEWER` (nothing was run).
 */
export async function migrateLedger(
  db: Kysely<any>,
  options: MigrateLedgerOptions = {},
): Promise<void> {
  const s = schemaName(options.schema)
  let name = '(none begun)'
  try {
    await inTransaction(db, async (trx) => {
      await lock(trx)
      const recorded = await openRecord(trx, s)
      const noted = await openNotes(trx, s)
      for (const migration of MIGRATIONS) {
        name = migration.name
        if (!recorded.has(name) && !noted.has(name)) await apply(trx, s, migration)
        if (!noted.has(name)) await run(trx, note(s), [name])
      }
    })
  } catch (cause) {
    if (LedgerError.is(cause)) throw cause
    const reason = cause instanceof Error ? cause.message : JSON.stringify(cause)
    const message = `Migration ${name} of schema ${s} failed: ${reason}`
    throw new LedgerError('LEDGER_MIGRATION_FAILED', message, { cause })
  }
}

/** Waits for other migrations however long they take: the caller's `lock_timeout` is for tables. */
async function lock(trx: Kysely<any>): Promise<void> {
  const { rows } = await run<{ before: string }>(
    trx,
    "select current_setting('lock_timeout') as before",
  )
  await run(trx, 'set local lock_timeout = 0')
  await run(trx, `select pg_advisory_xact_lock(${LOCK})`)
  await run(trx, "select set_config('lock_timeout', $1, true)", [rows[0]?.before])
}

/**
 * What Kysely's Migrator would note in `ledger.migration`, in its own form: the first release used
 * one, and refuses a schema with a migration it does not have.
 */
async function openNotes(trx: Kysely<any>, s: string): Promise<ReadonlySet<string>> {
  const { rows } = await run<{ notes: string | null }>(trx, 'select to_regclass($1) as notes', [
    `${s}.migration`,
  ])
  if (rows[0]?.notes == null) {
    await run(
      trx,
      `create table ${s}.migration (
        name varchar(255) primary key, timestamp varchar(255) not null)`,
    )
  }
  const noted = await run<{ name: string }>(trx, `select name from ${s}.migration order by name`)
  const names = noted.rows.map(({ name }) => name)
  const unknown = names.find((name) => !MIGRATIONS.some((known) => known.name === name))
  if (unknown !== undefined) throw newer(s, unknown)
  return new Set(names)
}

// In ISO form and after every earlier one: the Migrator takes the order of the notes from it.
const note = (s: string): string => `
insert into ${s}.migration (name, timestamp)
select $1, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
from (select greatest(clock_timestamp(),
    max(timestamp::timestamptz) + interval '1 millisecond') as at
  from ${s}.migration) t`
