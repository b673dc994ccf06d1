import type { Migration, MigrationProvider } from 'kysely/migration'
import { apply, inTransaction, planOf } from './apply.ts'
import { MIGRATIONS } from './numbered.ts'
import type { LedgerMigrationOptions } from './options.ts'

/**
 * The ledger's numbered migrations, for a Kysely `Migrator` of your own. They are prefixed with
 * `ledger_`, so that they can stand beside yours when you merge providers. Each is one transaction
 * even where the Migrator opens none, records the checksum of its text
 * (`ledger.migration_checksum`), and does nothing where `migrateLedger` has run it before.
 *
 * They throw a {@link LedgerError} with code `LEDGER_MIGRATION_CHANGED`, `LEDGER_SCHEMA_NEWER` or
 * `LEDGER_ROLES_NEEDED` before anything is run, which the Migrator returns as its `error`. A
 * Migrator that finds no migration to run calls nothing of ours and so notices none of these;
 * `migrateLedger` does.
 *
 * @throws {@link LedgerError} with code `LEDGER_INVALID_OPTION`.
 */
export function createLedgerMigrations(options: LedgerMigrationOptions = {}): MigrationProvider {
  const plan = planOf(options)
  const migrations = MIGRATIONS.map((migration): [string, Migration] => [
    migration.name,
    { up: (db) => inTransaction(db, (trx) => apply(trx, plan, migration)) },
  ])
  return { getMigrations: () => Promise.resolve(Object.fromEntries(migrations)) }
}
