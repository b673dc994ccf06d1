import { Migrator } from 'kysely/migration'
import type { Kysely } from 'kysely'
import type { Migration, MigrationProvider } from 'kysely/migration'
import { DEFAULT_SCHEMA, quoteSchema } from '../schema-name.ts'
import { inboxAndOutbox } from './0001-inbox-and-outbox.ts'
import { operations } from './0002-operations.ts'
import { claims } from './0003-claims.ts'

/** Options of {@link createQueueMigrations} and {@link migrateQueue}. */
export interface MigrationOptions {
  /**
   * PostgreSQL schema of the tables; created if missing.
   *
   * @defaultValue 'queue'
   */
  readonly schema?: string | undefined
}

/** The package's migrations, numbered, for a Kysely `Migrator`. They only ever add to this list. */
export function createQueueMigrations(options: MigrationOptions = {}): MigrationProvider {
  const schema = quoteSchema(options.schema)
  const migrations: Record<string, Migration> = {
    // Named after the package: several packages' migrations may be merged under one Migrator.
    queue_0001_inbox_and_outbox: inboxAndOutbox(schema),
    queue_0002_operations: operations(schema),
    queue_0003_claims: claims(schema),
  }
  return { getMigrations: () => Promise.resolve(migrations) }
}

/**
 * Brings the tables to the newest version. Safe to call from several processes at once.
 * Keeps its own bookkeeping in the schema, apart from the application's migrations.
 *
 * @throws what the failed statement threw.
 */
export async function migrateQueue(db: Kysely<any>, options: MigrationOptions = {}): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: createQueueMigrations(options),
    migrationTableSchema: options.schema ?? DEFAULT_SCHEMA,
    migrationTableName: 'queue_migration',
    migrationLockTableName: 'queue_migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
