import { CompiledQuery, type Kysely } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'

/** SQL scripts by number and name, in the order they are applied. Once released, never changed. */
export type Scripts = Readonly<Record<string, string>>

/**
 * Applies the scripts a database has not seen yet, in one transaction, under a lock: of two
 * migrations that run at once one waits and then finds nothing to do.
 *
 * @throws what the failed statement threw; nothing of the run stays.
 */
export async function applyScripts(db: Kysely<any>, scripts: Scripts): Promise<string[]> {
  const migrations = Object.fromEntries(
    Object.entries(scripts).map(([name, script]): [string, Migration] => [
      name,
      { up: async (trx) => void (await trx.executeQuery(CompiledQuery.raw(script))) },
    ]),
  )
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
    migrationTableName: 'app_migration',
    migrationLockTableName: 'app_migration_lock',
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  return results.map(({ migrationName }) => migrationName)
}
