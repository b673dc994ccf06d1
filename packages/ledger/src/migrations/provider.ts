import type { Migration, MigrationProvider } from 'kysely/migration'
import { schemaName } from '../schema-name.ts'
import { apply, inTransaction } from './apply.ts'
import { MIGRATIONS } from './numbered.ts'

/** Options of {@link createLedgerMigrations}. */
export interface LedgerMigrationOptions {
  /**
   * Schema to create; the same as in `createLedger`.
   * @defaultValue `'ledger'`
   */
  readonly schema?: string
}

/**
 * The ledger's numbered migrations, for a Kysely `Migrator` of your own. They are prefixed with
 * `ledger_`, so that they can stand beside yours when you merge providers. Each is one transaction
 * even where the Migrator opens none, records the checksum of its text
 * (`ledger.migration_checksum`), and does nothing where `migrateLedger` has run it before.
 *
 * They throw a {@link LedgerError} with code `LEDGER_MIGRATION_CHANGED` or `LEDGER_SCHEMA_NEWER`
 * before anything is run, which the Migrator returns as its `error`. A Migrator that finds no
 * migration to run calls nothing of ours and so notices neither; `migrateLedger` does.
 */
export function createLedgerMigrations(options: LedgerMigrationOptions = {}): MigrationProvider {
  const s = schemaName(options.schema)
  const migrations = MIGRATIONS.map((migration): [string, Migration] => [
    migration.name,
    { up: (db) => inTransaction(db, (trx) => apply(trx, s, migration)) },
  ])
  return { getMigrations: () => Promise.resolve(Object.fromEntries(migrations)) }
}
