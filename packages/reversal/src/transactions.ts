import type { Transaction } from 'kysely'
import type { ResolvedReversalOptions } from './resolve-options.ts'
import { limitTransaction, serverLimitMs } from './sql/limit-transaction.ts'

/**
 * The transaction of one row. READ COMMITTED by name: under a stricter default the compare-and-set
 * would raise a serialization failure instead of simply finding the row settled.
 */
export async function inTransaction<T>(
  options: ResolvedReversalOptions,
  work: (trx: Transaction<any>) => Promise<T>,
): Promise<T> {
  const transaction = options.db.transaction().setIsolationLevel('read committed')
  return await transaction.execute(async (trx) => {
    try {
      return await work(trx)
    } catch (error) {
      await shut(trx, serverLimitMs(options.resolveTimeoutMs))
      throw error
    }
  })
}

/**
 * Lets no further statement through. The caller's code may still be at work after its deadline, or
 * when another of its statements has failed; what it sends between our ROLLBACK and the moment
 * Kysely calls the transaction over would be a transaction of its own, and stay. So we take our
 * place behind what stands in line for the connection, and never give way; ROLLBACK needs no place.
 * When that takes as long as the server lets a statement live, the server has ended them all.
 */
async function shut(trx: Transaction<any>, withinMs: number): Promise<void> {
  const { promise: ours, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, withinMs)
  trx
    .getExecutor()
    .provideConnection(() => {
      resolve()
      return new Promise<never>(() => {})
    })
    .catch(resolve)
  await ours
  clearTimeout(timer)
}

/**
 * For statements that read, or write into the logbook: one that waits longer than `statementMs`,
 * for the lock of an ALTER TABLE perhaps, is ended by the server, so that no run hangs for ever.
 * Their locks last until the commit; the server takes them from a job frozen before it, as it does
 * in the transaction of a row.
 */
export async function inTime<T>(
  options: ResolvedReversalOptions,
  work: (trx: Transaction<any>) => Promise<T>,
  statementMs: number = options.timeBudgetMs,
): Promise<T> {
  const { db, resolveTimeoutMs } = options
  const transaction = db.transaction().setIsolationLevel('read committed')
  return await transaction.execute(async (trx) => {
    await limitTransaction(trx, statementMs, serverLimitMs(resolveTimeoutMs))
    return await work(trx)
  })
}
