import { sql } from 'kysely'
import type { Transaction } from 'kysely'

/**
 * Fails when the transaction can no longer commit. A hook that swallowed the error of a statement
 * leaves an aborted transaction behind, whose COMMIT answers ROLLBACK without an error: the row
 * would be counted as settled and still be pending. Takes no locks.
 */
export async function verifyOpen(trx: Transaction<any>): Promise<void> {
  await sql`select 1`.execute(trx)
}
