import type { LedgerRoles } from './role-names.ts'

/** Options of {@link createLedgerMigrations}. */
export interface LedgerMigrationOptions {
  /**
   * Schema to create; the same as in `createLedger`.
   * @defaultValue `'ledger'`
   */
  readonly schema?: string
  /**
   * The roles that own and use the ledger, by name: missing ones are created. Each migration of the
   * functions grants them their rights anew, so give the same names every time. With `'none'`
   * everything belongs to the role that migrates, and nobody else may do anything; what you grant
   * by hand on a function is gone after a migration of the functions.
   * @defaultValue `{}`: `<schema>_owner`, `<schema>_app`, `<schema>_auditor`
   */
  readonly roles?: LedgerRoles | 'none'
}

/** Options of {@link migrateLedger}. */
export type MigrateLedgerOptions = LedgerMigrationOptions
