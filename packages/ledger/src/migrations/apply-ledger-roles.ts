import type { Kysely } from 'kysely'
import { schemaName } from '../schema-name.ts'
import { inTransaction } from './apply.ts'
import { createRoles } from './create-roles.ts'
import { grantRoles } from './grants.ts'
import { lockMigrations } from './lock-migrations.ts'
import { type LedgerRoles, roleNames } from './role-names.ts'

/** Options of {@link applyLedgerRoles}. */
export interface LedgerRolesOptions {
  /** @defaultValue `'ledger'` */
  readonly schema?: string
  /** @defaultValue `{}`: `<schema>_owner`, `<schema>_app`, `<schema>_auditor` */
  readonly roles?: LedgerRoles
}

/**
 * What a migration does about roles, at any other time: creates the missing ones, gives the schema
 * and all in it to the owner, and the other two exactly their rights. For a ledger that was migrated
 * with `roles: 'none'` or with other names, and after somebody granted too much. Roles that are no
 * longer named keep what they have. Safe to repeat.
 *
 * @throws {@link LedgerError} with code `LEDGER_ROLES_NEEDED` or `LEDGER_INVALID_OPTION`, and
 * PostgreSQL's error when the current role neither owns the schema nor may become its owner.
 */
export async function applyLedgerRoles(
  db: Kysely<any>,
  options: LedgerRolesOptions = {},
): Promise<void> {
  const s = schemaName(options.schema)
  const names = roleNames(s, options.roles)
  if (names === null) return
  await inTransaction(db, async (trx) => {
    await lockMigrations(trx)
    await createRoles(trx, s, names)
    await grantRoles(trx, s, names)
  })
}
