import type { Kysely } from 'kysely'
import { LedgerError } from '../errors.ts'
import { actAsOwner } from './act-as-owner.ts'
import { apply, inTransaction, planOf } from './apply.ts'
import { lockMigrations } from './lock-migrations.ts'
import { MIGRATIONS } from './numbered.ts'
import type { MigrateLedgerOptions } from './options.ts'
import { newer, openRecord, run } from './record.ts'

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
 * `LEDGER_MIGRATION_CHANGED`, `LEDGER_SCHEMA_NEWER`, `LEDGER_ROLES_NEEDED` (nothing was run),
 * `LEDGER_INVALID_OPTION`.
 */
export async function migrateLedger(
  db: Kysely<any>,
  options: MigrateLedgerOptions = {},
): Promise<void> {
  const plan = planOf(options)
  const { s } = plan
  let name = '(none begun)'
  try {
    await inTransaction(db, async (trx) => {
      await lockMigrations(trx)
      const { done, noted } = await actAsOwner(trx, s, async () => ({
        done: await openRecord(trx, s),
        noted: await openNotes(trx, s),
      }))
      for (const migration of MIGRATIONS) {
        name = migration.name
        if (!done.has(name) && !noted.has(name)) await apply(trx, plan, migration)
        if (!noted.has(name)) await actAsOwner(trx, s, () => run(trx, note(s), [name]))
      }
    })
  } catch (cause) {
    if (LedgerError.is(cause)) throw cause
    const reason = cause instanceof Error ? cause.message : JSON.stringify(cause)
    const message = `Migration ${name} of schema ${s} failed: ${reason}`
    throw new LedgerError('LEDGER_MIGRATION_FAILED', message, { cause })
  }
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
