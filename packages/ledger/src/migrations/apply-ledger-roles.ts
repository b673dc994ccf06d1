import type { Kysely } from 'kysely'
import { LedgerError } from '../errors.ts'
import { schemaName } from '../schema-name.ts'
import { inTransaction } from './apply.ts'
import { createRoles } from './create-roles.ts'
import { grantRoles } from './grants.ts'
import { lockMigrations } from './lock-migrations.ts'
import { run } from './record.ts'
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
 * @throws {@link LedgerError} with code `LEDGER_ROLES_NEEDED`, `LEDGER_INVALID_OPTION` or, where the
 * schema is missing, `LEDGER_NOT_MIGRATED`, and PostgreSQL's error when the current role neither owns
 * the schema nor may become its owner.
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
    await expectSchema(trx, s)
    await createRoles(trx, s, names)
    await grantRoles(trx, s, names)
  })
}

/** Before any role is created: roles are the cluster's, and would outlive the mistake. */
async function expectSchema(trx: Kysely<any>, s: string): Promise<void> {
  const { rows } = await run(trx, 'select from pg_namespace where nspname = $1', [s])
  if (rows.length > 0) return
  throw new LedgerError('LEDGER_NOT_MIGRATED', `Schema ${s} is missing: run migrateLedger`)
}
