import type { Kysely } from 'kysely'
import type { NumberedMigration } from './numbered.ts'
import { openRecord, record, run } from './record.ts'

/** Runs a migration and writes its line in the record; does nothing when it has run. */
export async function apply(
  trx: Kysely<any>,
  s: string,
  migration: NumberedMigration,
): Promise<void> {
  const recorded = await openRecord(trx, s)
  if (recorded.has(migration.name)) return
  for (const statement of migration.statements(s)) await run(trx, statement)
  await record(trx, s, migration)
}

/**
 * In the caller's transaction, or in one of its own. READ COMMITTED: what another migration
 * committed while this one waited for it has to be seen.
 */
export async function inTransaction(
  db: Kysely<any>,
  work: (trx: Kysely<any>) => Promise<void>,
): Promise<void> {
  if (db.isTransaction) await work(db)
  else await db.transaction().setIsolationLevel('read committed').execute(work)
}
