import { Migrator } from 'kysely/migration'
import type { Kysely } from 'kysely'
import type { Migration, MigrationProvider } from 'kysely/migration'
import { defaultSchema, quoteSchema } from '../schema-name.ts'
import { guardTable } from './0001-guard.ts'

/** Options of {@link createGuardMigrations} and {@link migrateGuard}. */
export interface GuardMigrationOptions {
  /**
   * PostgreSQL schema of the table; created if missing.
   * @defaultValue 'idempotency'
   */
  readonly schema?: string
}

/** The guard's migrations, numbered, for a Kysely `Migrator`. They only ever add to this list. */
export function createGuardMigrations(options: GuardMigrationOptions = {}): MigrationProvider {
  const schema = quoteSchema(options.schema)
  const migrations: Record<string, Migration> = {
    // Named after the package: several packages' migrations may be merged under one Migrator.
    idempotency_0001_guard: guardTable(schema),
  }
  return { getMigrations: () => Promise.resolve(migrations) }
}

/**
 * Brings the guard's table to the newest version. Safe to call from several processes at once.
 * Keeps its own bookkeeping in the schema, apart from the application's migrations.
 *
 * @throws IdempotencyError with code `IDEMPOTENCY_OPTIONS_INVALID`, or what the failed statement
 * threw.
 */
export async function migrateGuard(
  db: Kysely<any>,
  options: GuardMigrationOptions = {},
): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: createGuardMigrations(options),
    migrationTableSchema: options.schema ?? defaultSchema,
    migrationTableName: 'guard_migration',
    migrationLockTableName: 'guard_migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
