import { sql } from 'kysely'
import type { Transaction } from 'kysely'

/**
 * Lets the server end this transaction when one of its statements, or the pause between two, takes
 * longer than `timeoutMs`. A job that is frozen in the middle would otherwise keep its locks for as
 * long as it is frozen: on the row, and, deciding inside, on the accounts of its payment, which
 * others need at every moment. Both settings end with the transaction.
 */
export async function limitTransaction(trx: Transaction<any>, timeoutMs: number): Promise<void> {
  const limit = `${timeoutMs}`
  await sql`
    select set_config('statement_timeout', ${limit}, true),
      set_config('idle_in_transaction_session_timeout', ${limit}, true)
  `.execute(trx)
}
