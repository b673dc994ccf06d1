import { CompiledQuery } from 'kysely'
import type { DatabaseConnection, Kysely } from 'kysely'
import { CommitRolledBackError, QueueError } from '../errors.ts'
import { isTransactionAborted, isUnavailable } from '../postgres/pg-errors.ts'
import { queryOn } from '../postgres/query.ts'
import type { Query } from '../postgres/query.ts'
import { GuardedTransaction } from './guarded-transaction.ts'
import { CommitReceipt } from './proof.ts'

/** PostgreSQL is away, or refuses what every message needs: nobody's message is to blame. */
export class DatabaseTrouble extends Error {
  override readonly name = 'DatabaseTrouble'

  constructor(cause: unknown) {
    super('The database is not usable', { cause })
  }
}

/** The parts of a transaction that {@link runTransaction} does not do itself. */
export interface TransactionSteps<DB, Early> {
  /** Runs first; anything but `undefined` ends the transaction there, rolled back. */
  readonly open: (query: Query) => Promise<Early | undefined>
  /** User code, with a view of the transaction; or `scope`, for user code in parts. */
  readonly work: (guard: GuardedTransaction<DB>, scope: TransactionScope<DB>) => Promise<void>
  /** Runs after user code, when that can't send queries any more. */
  readonly finish: (query: Query) => Promise<void>
}

/** A transaction in which several pieces of user code have a part each. */
export interface TransactionScope<DB> {
  /** Our own statements between the parts; a failure is nobody's fault. */
  readonly query: Query
  /** Gives user code a view of its own, which is closed and checked when it is done. */
  readonly part: (work: (guard: GuardedTransaction<DB>) => Promise<void>) => Promise<void>
}

/** How a transaction ended. */
export type TransactionResult<Early> =
  | { readonly outcome: 'committed'; readonly receipt: CommitReceipt }
  | { readonly outcome: 'ended-early'; readonly value: Early }

/**
 * Runs one transaction and vouches for its commit with a {@link CommitReceipt}.
 *
 * COMMIT answers ROLLBACK, without an error, when an earlier statement failed and the handler
 * swallowed that. So the last statement before it is ours and raises 25P02 in that case, and the
 * command tag of COMMIT is looked at where the driver tells it.
 */
export async function runTransaction<DB, Early>(
  db: Kysely<DB>,
  steps: TransactionSteps<DB, Early>,
): Promise<TransactionResult<Early>> {
  let acquired = false
  try {
    return await db.getExecutor().provideConnection(async (connection) => {
      acquired = true
      return await onConnection(db, connection, steps)
    })
  } catch (error) {
    if (!acquired) throw new DatabaseTrouble(error)
    throw error
  }
}

async function onConnection<DB, Early>(
  db: Kysely<DB>,
  connection: DatabaseConnection,
  steps: TransactionSteps<DB, Early>,
): Promise<TransactionResult<Early>> {
  const query = queryOn(connection)
  const guard = new GuardedTransaction(db, connection)
  const scope: TransactionScope<DB> = {
    query,
    part: (work) => partOf(new GuardedTransaction(db, connection), work),
  }
  try {
    await ours(() => query('begin isolation level read committed'))
    const early = await ours(() => steps.open(query))
    if (early !== undefined) {
      await ours(() => query('rollback'))
      return { outcome: 'ended-early', value: early }
    }
    await workInside(guard, () => steps.work(guard, scope))
    await steps.finish(query)
    await query('select 1')
    await commit(connection)
    return { outcome: 'committed', receipt: new CommitReceipt() }
  } catch (error) {
    guard.close()
    await guard.settled()
    const rollback = await query('rollback').then(
      () => undefined,
      (failure: unknown) => failure,
    )
    if (error instanceof DatabaseTrouble) throw error
    const lost = guard.databaseError ?? (isUnavailable(rollback) ? rollback : undefined)
    if (lost !== undefined) throw new DatabaseTrouble(lost)
    if (isTransactionAborted(error)) throw new CommitRolledBackError(error)
    throw error
  }
}

async function workInside<DB>(
  guard: GuardedTransaction<DB>,
  work: () => Promise<void>,
): Promise<void> {
  let running = 0
  try {
    await work()
  } finally {
    running = guard.close()
  }
  if (running > 0) {
    await guard.settled()
    throw new QueueError(
      `The handler returned while ${running} of its queries were still running; the transaction ` +
        'was rolled back. Await every query.',
      { code: 'QUEUE_FLOATING_QUERY', retryable: true },
    )
  }
}

async function partOf<DB>(
  guard: GuardedTransaction<DB>,
  work: (guard: GuardedTransaction<DB>) => Promise<void>,
): Promise<void> {
  try {
    await workInside(guard, () => work(guard))
  } catch (error) {
    await guard.settled()
    if (guard.databaseError !== undefined) throw new DatabaseTrouble(guard.databaseError)
    throw error
  }
}

/** A statement that says the same for every message: its failure is never a message's fault. */
export async function ours<T>(statement: () => Promise<T>): Promise<T> {
  try {
    return await statement()
  } catch (error) {
    throw new DatabaseTrouble(error)
  }
}

async function commit(connection: DatabaseConnection): Promise<void> {
  let rows: readonly unknown[]
  try {
    rows = (await connection.executeQuery(CompiledQuery.raw('commit'))).rows
  } catch (error) {
    // The answer is lost: committed or not, nobody here knows. Neither acknowledge nor count a
    // failure; the redelivery finds the inbox row or does the work.
    if (isUnavailable(error)) throw new DatabaseTrouble(error)
    throw error
  }
  const command = (rows[0] as { command?: unknown } | undefined)?.command
  if (command !== undefined && command !== 'COMMIT') throw new CommitRolledBackError()
}
