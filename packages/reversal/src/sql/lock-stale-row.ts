import { sql } from 'kysely'
import type { Transaction } from 'kysely'
import type { StaleReason } from '../outcome.ts'
import type { AnyRow, ResolvedReversalOptions } from '../resolve-options.ts'
import { limited, serverLimitMs } from './limit-transaction.ts'
import { stalePredicate } from './scan-stale.ts'

/**
 * Takes a row in hand to decide and record it in the caller's transaction. Undefined when it is not
 * ours: settled meanwhile, no longer stale (its message was confirmed after the scan), or held by
 * another transaction.
 *
 * Locks: the row FOR NO KEY UPDATE, until the transaction ends, and before anything else is locked:
 * a worker that takes its payment's row first as well can't deadlock with us. SKIP LOCKED, so that
 * a worker in mid-commit is passed over instead of waited for. Under READ COMMITTED the predicate is
 * evaluated again on the version that was locked.
 */
export async function lockStaleRow(
  trx: Transaction<any>,
  options: ResolvedReversalOptions,
  target: { readonly id: string; readonly reason: StaleReason },
): Promise<AnyRow | undefined> {
  const { rows } = await sql<AnyRow>`
    select * from ${sql.table(options.table)}
    where ${sql.ref(options.columns.id)} = ${target.id} and ${stalePredicate(options, target.reason)}
      and ${limited(serverLimitMs(options.resolveTimeoutMs))}
    for no key update skip locked
  `.execute(trx)
  if (rows.length > 1) {
    throw new Error(`${options.table}.${options.columns.id} is not unique: it names several rows`)
  }
  return rows[0]
}
