import { sql } from 'kysely'
import type { RawBuilder, Transaction } from 'kysely'

/** How much later than the job itself the server gives up, where both have a deadline. */
const MARGIN_MS = 1_000

/** The largest time-out PostgreSQL knows. */
const LIMIT_MS_MAX = 2 ** 31 - 1

/**
 * The server's limit for work that the job gives up after `timeoutMs`. Later, so that ordinary
 * slowness ends by the job's own deadline, which costs no connection: the server's ends one.
 */
export function serverLimitMs(timeoutMs: number): number {
  return Math.min(timeoutMs + MARGIN_MS, LIMIT_MS_MAX)
}

/**
 * Lets the server end this transaction when one of its statements takes longer than `statementMs`,
 * or the pause between two longer than `idleMs`. A job that is frozen in the middle would otherwise
 * keep its locks for as long as it is frozen: on the row, and, deciding inside, on the accounts of
 * its payment, which others need at every moment. Both settings end with the transaction.
 *
 * It is a condition that always holds, for the statement that takes the row's lock: a statement of
 * its own would be one round trip in five.
 */
export function limited(statementMs: number, idleMs: number = statementMs): RawBuilder<boolean> {
  return sql<boolean>`(set_config('statement_timeout', ${`${statementMs}`}, true) is not null
    and set_config('idle_in_transaction_session_timeout', ${`${idleMs}`}, true) is not null)`
}

/** The same as a statement of its own: a condition limits only what comes after it. */
export async function limitTransaction(
  trx: Transaction<any>,
  statementMs: number,
  idleMs: number = statementMs,
): Promise<void> {
  await sql`select ${limited(statementMs, idleMs)}`.execute(trx)
}
