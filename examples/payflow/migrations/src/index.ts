/**
 * The databases of PayFlow: one for each service that stores anything, each with a role that
 * reaches no other.
 *
 * @packageDocumentation
 */
export {
  DATABASES,
  grantRole,
  migrateAuth,
  migrateNotification,
  migrateTransaction,
  migrateWallet,
  migrations,
  type DatabaseName,
} from './databases.ts'
export { migrateAll, type MigrateAllOptions } from './migrate-all.ts'
