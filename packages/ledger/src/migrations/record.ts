import { CompiledQuery, type Kysely } from 'kysely'
import { LedgerError } from '../errors.ts'
import { MIGRATIONS, type NumberedMigration } from './numbered.ts'

/**
 * What has run, with the checksum of the text that ran. Every migration writes its own line, so the
 * record is the same whoever runs them: `migrateLedger` or a Migrator of the application's.
 *
 * Adopted lines are of migrations that a release without checksums ran: its frozen text is known.
 */
const createTable = (s: string): string => `
create table ${s}.migration_checksum (
  name text constraint migration_checksum_pkey primary key,
  checksum text not null,
  adopted boolean not null default false,
  applied_at timestamptz not null default clock_timestamp()
)`

/**
 * The names of the migrations that have run according to the record. Creates the schema and the
 * record when they are missing.
 *
 * @throws {@link LedgerError} `LEDGER_MIGRATION_CHANGED`, `LEDGER_SCHEMA_NEWER`.
 */
export async function openRecord(trx: Kysely<any>, s: string): Promise<ReadonlySet<string>> {
  const { rows } = await run<{ schema: string | null; record: string | null }>(
    trx,
    'select to_regnamespace($1) as schema, to_regclass($2) as record',
    [s, `${s}.migration_checksum`],
  )
  if (rows[0]?.schema == null) await run(trx, `create schema ${s}`)
  if (rows[0]?.record == null) {
    await run(trx, createTable(s))
    return new Set()
  }
  const recorded = await run<{ name: string; checksum: string }>(
    trx,
    `select name, checksum from ${s}.migration_checksum order by name`,
  )
  for (const { name, checksum } of recorded.rows) expectSame(s, name, checksum)
  return new Set(recorded.rows.map(({ name }) => name))
}

function expectSame(s: string, name: string, recorded: string): void {
  const known = MIGRATIONS.find((migration) => migration.name === name)
  if (known === undefined) throw newer(s, name)
  const ours = known.checksum()
  if (recorded === ours) return
  throw new LedgerError(
    'LEDGER_MIGRATION_CHANGED',
    `Schema ${s} was migrated by another text of ${name} (sha256 ${recorded.slice(0, 12)}…) than ` +
      `this package has (${ours.slice(0, 12)}…). A released migration is never edited: install the ` +
      'version that migrated this database, or a newer one. A database of a version that was never ' +
      'released cannot be upgraded',
  )
}

/** The error for a migration that only a newer package can have run. */
export function newer(s: string, name: string): LedgerError {
  return new LedgerError(
    'LEDGER_SCHEMA_NEWER',
    `Schema ${s} has run ${name}, which this version of the package does not have: ` +
      'install the version that migrated this database, or a newer one',
  )
}

/** Writes the line of a migration that has just run, and those of its unrecorded predecessors. */
export async function record(
  trx: Kysely<any>,
  s: string,
  migration: NumberedMigration,
): Promise<void> {
  const upTo = MIGRATIONS.slice(0, MIGRATIONS.indexOf(migration) + 1)
  await run(
    trx,
    `insert into ${s}.migration_checksum (name, checksum, adopted)
    select name, checksum, name <> $3 from unnest($1::text[], $2::text[]) as m (name, checksum)
    on conflict (name) do nothing`,
    [upTo.map(({ name }) => name), upTo.map((one) => one.checksum()), migration.name],
  )
}

/** Runs one statement. */
export function run<R>(
  trx: Kysely<any>,
  text: string,
  parameters: readonly unknown[] = [],
): Promise<{ readonly rows: R[] }> {
  return trx.executeQuery<R>(CompiledQuery.raw(text, [...parameters]))
}
