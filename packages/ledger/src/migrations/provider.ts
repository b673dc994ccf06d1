import { CompiledQuery, type Kysely } from 'kysely'
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration'
import { LedgerError } from '../errors.ts'
import { schemaName } from '../schema-name.ts'
import { functions } from '../sql/functions.ts'
import { insertCurrencies } from './0001-currencies.ts'
import { guards } from './0001-guards.ts'
import { tables } from './0001-tables.ts'
import { tablesOf0003 } from './0003-tables.ts'

/** Options of {@link createLedgerMigrations}. */
export interface LedgerMigrationOptions {
  /**
   * Schema to create; the same as in `createLedger`.
   * @defaultValue `'ledger'`
   */
  readonly schema?: string
}

/** Options of {@link migrateLedger}. */
export type MigrateLedgerOptions = LedgerMigrationOptions

/**
 * The ledger's numbered migrations, for a Kysely `Migrator` of your own. They are prefixed with
 * `ledger_`, so that they can stand beside yours when you merge providers.
 */
export function createLedgerMigrations(options: LedgerMigrationOptions = {}): MigrationProvider {
  const s = schemaName(options.schema)
  const migrations: Record<string, Migration> = {
    ledger_0001_tables: steps([
      `create schema if not exists ${s}`,
      ...tables(s),
      insertCurrencies(s),
      ...guards(s),
    ]),
    // Created the functions of the first release; 0003 replaces every one of them.
    ledger_0002_functions: steps([]),
    ledger_0003_complete: steps([...tablesOf0003(s), ...functions(s)]),
  }
  return { getMigrations: () => Promise.resolve(migrations) }
}

/**
 * Brings the ledger's schema up to date. Safe to call from several processes at once, and again.
 * The record of what has run is kept inside the schema itself (`ledger.migration`).
 *
 * @throws {@link LedgerError} with code `LEDGER_MIGRATION_FAILED`; nothing of the failed run
 * remains.
 */
export async function migrateLedger(
  db: Kysely<any>,
  options: MigrateLedgerOptions = {},
): Promise<void> {
  const schema = schemaName(options.schema)
  const migrator = new Migrator({
    db,
    provider: createLedgerMigrations({ schema }),
    migrationTableSchema: schema,
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
  })
  const { error, results } = await migrator.migrateToLatest()
  if (error !== undefined) {
    const failed = results?.find((result) => result.status === 'Error')?.migrationName
    const reason = error instanceof Error ? error.message : JSON.stringify(error)
    throw new LedgerError(
      'LEDGER_MIGRATION_FAILED',
      `Migration ${failed ?? '(none begun)'} of schema ${schema} failed: ${reason}`,
      { cause: error },
    )
  }
}

function steps(statements: readonly string[]): Migration {
  return {
    async up(db) {
      for (const statement of statements) await db.executeQuery(CompiledQuery.raw(statement))
    },
  }
}
