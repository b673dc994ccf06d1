/**
 * The books of PayFlow as an auditor sees them: the databases and nothing else. No service is asked,
 * so that what is found does not depend on the code that is being checked.
 *
 * @packageDocumentation
 */
import type { Kysely } from 'kysely'

/** Opens the databases that an audit reads. */
export interface Books {
  book(name: 'transaction' | 'wallet' | 'notification'): Kysely<any>
}

export { auditBooks, type AuditOptions, type BookAudit, type BookFault } from './audit-books.ts'
