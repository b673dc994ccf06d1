import { CompiledQuery, sql, type Kysely } from 'kysely'
import { Migrator, type Migration } from 'kysely/migration'

/** SQL scripts by number and name, in the order they are applied. Once released, never changed. */
export type Scripts = Readonly<Record<string, string>>

/** Which migrations a table says have run, and which ones this version knows. */
export interface MigrationRecord {
  /** Its name, with its schema unless that is the first of the search path. */
  readonly table: string
  readonly names: readonly string[]
}

/** Where {@link applyScripts} writes down what it has done. */
export const recordOf = (scripts: Scripts): MigrationRecord => ({
  table: 'app_migration',
  names: Object.keys(scripts),
})

/**
 * Tells whether a later version has been here: all of ours have run, and after them others that we
 * do not know. Migrations only add, so there is nothing to do for us, and nothing wrong. An unknown
 * one between ours is something else: false, and the migrator refuses it.
 */
export async function isNewer(
  db: Kysely<any>,
  { table, names }: MigrationRecord,
): Promise<boolean> {
  const there = await sql`select where to_regclass(${table}) is not null`.execute(db)
  if (there.rows.length === 0) return false
  const { rows } = await sql<{ name: string }>`select name from ${sql.table(table)}`.execute(db)
  const [run, ours] = [new Set(rows.map(({ name }) => name)), new Set(names)]
  const [last = ''] = names.toSorted().slice(-1)
  const unknown = [...run].filter((name) => !ours.has(name))
  return (
    unknown.length > 0 &&
    unknown.every((name) => name > last) &&
    names.every((name) => run.has(name))
  )
}

/**
 * Applies the scripts a database has not seen yet, in one transaction, under a lock: of two
 * migrations that run at once one waits and then finds nothing to do. Leaves a database alone that
 * {@link isNewer}.
 *
 * @throws what the failed statement threw; nothing of the run stays.
 */
export async function applyScripts(db: Kysely<any>, scripts: Scripts): Promise<string[]> {
  if (await isNewer(db, recordOf(scripts))) return []
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
