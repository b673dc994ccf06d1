import { CompiledQuery } from 'kysely'
import type { DatabaseConnection, Kysely } from 'kysely'
import type { IsolationLevel } from '../options.ts'
import { CommitRolledBackError, QueueError } from '../errors.ts'
import {
  isAnswer,
  isSerializationFailure,
  isTransactionAborted,
  isUnavailable,
} from '../postgres/pg-errors.ts'
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

/** The answer to COMMIT is lost: committed or not, nobody here knows. */
class CommitUnanswered extends Error {
  override readonly name = 'CommitUnanswered'
}

/** The connection is still there, but whether it has left the transaction is not known. */
class RollbackUnanswered extends Error {
  override readonly name = 'RollbackUnanswered'

  constructor(cause: unknown) {
    super('ROLLBACK got no answer', { cause })
  }
}

/** The parts of a transaction that {@link runTransaction} does not do itself. */
export interface TransactionSteps<DB, Early> {
  readonly isolation: IsolationLevel
  /** A statement that goes with BEGIN. Its rows are not seen; it can only fail. */
  readonly first?: string | undefined
  /** Runs first; anything but `undefined` ends the transaction there, rolled back. */
  readonly open: (query: Query) => Promise<Early | undefined>
  /** User code, with a view of the transaction; or `scope`, for user code in parts. */
  readonly work: (guard: GuardedTransaction<DB>, scope: TransactionScope<DB>) => Promise<void>
  /** Runs after user code, when that can't send queries any more. */
  readonly finish: (query: Query) => Promise<void>
  /** Asked when the answer to COMMIT was lost. `undefined` when nobody can tell. */
  readonly wasCommitted: () => Promise<boolean | undefined>
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
 * swallowed that. So COMMIT travels in one message with a statement of ours, which fails then; what
 * follows a failed statement in its message is not executed.
 */
export async function runTransaction<DB, Early>(
  db: Kysely<DB>,
  steps: TransactionSteps<DB, Early>,
): Promise<TransactionResult<Early>> {
  try {
    return await onSomeConnection(db, steps)
  } catch (error) {
    if (!(error instanceof CommitUnanswered)) throw error
    if ((await steps.wasCommitted()) !== true) throw new DatabaseTrouble(error.cause)
    return { outcome: 'committed', receipt: new CommitReceipt() }
  }
}

/** Settles when the transaction has ended, also if its connection can't be given back yet. */
async function onSomeConnection<DB, Early>(
  db: Kysely<DB>,
  steps: TransactionSteps<DB, Early>,
): Promise<TransactionResult<Early>> {
  const { promise, resolve, reject } = Promise.withResolvers<TransactionResult<Early>>()
  db.getExecutor()
    .provideConnection(async (connection) => {
      try {
        resolve(await onConnection(db, connection, steps))
      } catch (error) {
        reject(error instanceof RollbackUnanswered ? error.cause : error)
        if (error instanceof RollbackUnanswered) await leaveTransaction(connection)
      }
    })
    .catch((error: unknown) => reject(new DatabaseTrouble(error)))
  return await promise
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
    await ours(() => query(beginWith(steps)))
    const early = await ours(() => steps.open(query))
    if (early !== undefined) {
      await ours(() => query('rollback'))
      return { outcome: 'ended-early', value: early }
    }
    await workInside(guard, () => steps.work(guard, scope))
    await steps.finish(query)
    await commit(connection)
    return { outcome: 'committed', receipt: new CommitReceipt() }
  } catch (error) {
    guard.close()
    await guard.settled()
    const rollback = await query('rollback').then(
      () => undefined,
      (failure: unknown) => failure,
    )
    const reason = reasonFor(error, guard.databaseError ?? rollback)
    throw rollback === undefined || isUnavailable(rollback)
      ? reason
      : new RollbackUnanswered(reason)
  }
}

/** What a transaction failed by, seen together with what the database said meanwhile. */
function reasonFor(error: unknown, databaseError: unknown): unknown {
  if (error instanceof DatabaseTrouble || error instanceof CommitUnanswered) return error
  if (isUnavailable(databaseError)) return new DatabaseTrouble(databaseError)
  return isTransactionAborted(error) ? new CommitRolledBackError(error) : error
}

/*
 * A pool whose clients give up on answers (`query_timeout` of pg) may hand out a connection on which
 * somebody's BEGIN was executed after all. What we then write would be that transaction's. The two
 * times are equal exactly when this message has begun the transaction. The cast says so in words.
 */
const CHECK_FRESH = `select (case when now() = statement_timestamp() then '1'
  else 'this connection had a transaction open already' end)::integer`

function beginWith({ isolation, first }: TransactionSteps<any, unknown>): string {
  const begin = `begin isolation level ${isolation}; ${CHECK_FRESH}`
  return first === undefined ? begin : `${begin}; ${first}`
}

/**
 * Makes sure that a connection is given back outside of any transaction: while ROLLBACK gets no
 * answer, BEGIN may still be on its way, and the next user's writes would become part of it.
 */
async function leaveTransaction(connection: DatabaseConnection): Promise<void> {
  for (;;) {
    try {
      await connection.executeQuery(CompiledQuery.raw('rollback'))
      return
    } catch (error) {
      if (isUnavailable(error)) return
    }
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
    // Run again in place, with a new snapshot.
    if (isSerializationFailure(error)) throw error
    throw new DatabaseTrouble(error)
  }
}

/**
 * A statement of ours that fails by what a message's handler did. Without an answer nobody knows what
 * it has done, and then nothing of the transaction may stand.
 */
export async function answered<T>(statement: () => Promise<T>): Promise<T> {
  try {
    return await statement()
  } catch (error) {
    if (isAnswer(error)) throw error
    throw new DatabaseTrouble(error)
  }
}

async function commit(connection: DatabaseConnection): Promise<void> {
  try {
    await connection.executeQuery(CompiledQuery.raw('select 1; commit'))
  } catch (error) {
    // An error that PostgreSQL itself reported is an answer.
    if (isAnswer(error)) throw error
    throw new CommitUnanswered('The answer to COMMIT is lost', { cause: error })
  }
}
