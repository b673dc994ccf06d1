import { sql } from 'kysely'
import type { RawBuilder, Transaction } from 'kysely'

/**
 * Lets the server end this transaction when one of its statements, or the pause between two, takes
 * longer than `timeoutMs`. A job that is frozen in the middle would otherwise keep its locks for as
 * long as it is frozen: on the row, and, deciding inside, on the accounts of its payment, which
 * others need at every moment. Both settings end with the transaction.
 *
 * It is a condition that always holds, for the statement that takes the row's lock: a statement of
 * its own would be one round trip in five.
 */
export function limited(timeoutMs: number): RawBuilder<boolean> {
  const limit = `${timeoutMs}`
  return sql<boolean>`(set_config('statement_timeout', ${limit}, true) is not null
    and set_config('idle_in_transaction_session_timeout', ${limit}, true) is not null)`
}

/** The same, for transactions that lock nothing. */
export async function limitTransaction(trx: Transaction<any>, timeoutMs: number): Promise<void> {
  await sql`select ${limited(timeoutMs)}`.execute(trx)
}
