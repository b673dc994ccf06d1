import { Migrator } from 'kysely/migration'
import type { Kysely } from 'kysely'
import type { Migration, MigrationProvider } from 'kysely/migration'
import { schemaName } from '../schema-name.ts'
import { jobTable } from './0001-job.ts'

/** Options of {@link createReversalMigrations} and {@link migrateReversal}. */
export interface ReversalMigrationOptions {
  /**
   * PostgreSQL schema of the table; created if missing.
   *
   * @defaultValue 'reversal'
   */
  readonly schema?: string | undefined
}

/**
 * The migrations of the logbook, numbered, for a Kysely `Migrator`. They only ever add to this list.
 *
 * @throws {@link ReversalError} with code `REVERSAL_INVALID_OPTION`.
 */
export function createReversalMigrations(
  options: ReversalMigrationOptions = {},
): MigrationProvider {
  const schema = `"${schemaName(options.schema)}"`
  const migrations: Record<string, Migration> = {
    // Named after the package: several packages' migrations may be merged under one Migrator.
    reversal_0001_job: jobTable(schema),
  }
  return { getMigrations: () => Promise.resolve(migrations) }
}

/**
 * Brings the table of the option `logbook` to the newest version: one row for each job. Safe to
 * call from several processes at once. Keeps its own bookkeeping in the schema, apart from the
 * application's migrations. The job itself needs SELECT, INSERT and UPDATE on it, no more.
 *
 * @throws {@link ReversalError} with code `REVERSAL_INVALID_OPTION`, or what the failed statement
 * threw.
 */
export async function migrateReversal(
  db: Kysely<any>,
  options: ReversalMigrationOptions = {},
): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: createReversalMigrations(options),
    migrationTableSchema: schemaName(options.schema),
    migrationTableName: 'reversal_migration',
    migrationLockTableName: 'reversal_migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
