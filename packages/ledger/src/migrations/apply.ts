import type { Kysely } from 'kysely'
import { schemaName } from '../schema-name.ts'
import { actAsOwner } from './act-as-owner.ts'
import { createRoles } from './create-roles.ts'
import { grantRoles } from './grants.ts'
import { MIGRATIONS, type NumberedMigration } from './numbered.ts'
import type { LedgerMigrationOptions } from './options.ts'
import { openRecord, record, run } from './record.ts'
import { type RoleNames, roleNames } from './role-names.ts'

/** Where migrations run, and for whom. */
export interface Plan {
  readonly s: string
  /** Null: everything belongs to who migrates, and nobody is granted anything. */
  readonly roles: RoleNames | null
}

/** Checks the options and fills in their defaults. */
export function planOf(options: LedgerMigrationOptions): Plan {
  const s = schemaName(options.schema)
  return { s, roles: roleNames(s, options.roles) }
}

/**
 * Runs a migration as the schema's owner and writes its line in the record; does nothing when it has
 * run. The newest one creates the functions, so it is followed by the grants. What is missing for
 * them is found out before the first statement.
 */
export async function apply(
  trx: Kysely<any>,
  { s, roles }: Plan,
  migration: NumberedMigration,
): Promise<void> {
  if (roles !== null) await createRoles(trx, s, roles)
  await actAsOwner(trx, s, async () => {
    const recorded = await openRecord(trx, s)
    if (recorded.has(migration.name)) return
    for (const statement of migration.statements(s)) await run(trx, statement)
    await record(trx, s, migration)
  })
  if (roles !== null && migration === MIGRATIONS.at(-1)) await grantRoles(trx, s, roles)
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
