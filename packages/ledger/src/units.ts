import type { Kysely, Transaction } from 'kysely'
import { LedgerError } from './errors.ts'
import type { Executor } from './executor.ts'
import { resolve, type ResolveInput, type Resolution } from './resolve.ts'
import { run, type RunOptions, type RunResult } from './run.ts'
import { call } from './sql/call.ts'
import { read } from './statement.ts'
import { isUuid } from './validate.ts'

const LOCK_MAX = 1_000

/** Answer of {@link LedgerUnits.lock}. */
export interface Locked {
  /** Ids that name no account: nothing was locked for them. */
  readonly notFound: readonly string[]
}

/** Several calls as one unit of work, and what became of it. */
export interface LedgerUnits {
  /**
   * Runs your callback in a transaction of its own, commits it, and says truthfully what came of
   * it.
   *
   * `committed`: PostgreSQL said so, or was asked after the answer to COMMIT was lost.
   * `busy`: certainly nothing was written: no connection, no server, a time-out, or every attempt
   * ended by a serialization failure or a deadlock. `unknown`: COMMIT was sent, no answer came, and
   * the server could not be asked either; see {@link LedgerUnits.resolve}.
   *
   * Only a serialization failure (40001), a deadlock (40P01) and a COMMIT that was lost *and* was
   * found not to have happened are tried again, the *whole* callback each time: what it does outside
   * this transaction happens again. Any other error that it throws rolls back and is thrown to you
   * unchanged. It must make its calls with the `trx` it is given: one that asks the pool instead
   * writes elsewhere, and waits for ever on a pool whose last connection this transaction has,
   * unless the pool has a `connectionTimeoutMillis`; then the answer is `busy: pool_timeout`.
   *
   * @throws {@link LedgerError} with code `LEDGER_TRANSACTION_ABORTED` when the callback swallowed
   * the error of a statement: PostgreSQL has undone everything, and would answer COMMIT without an
   * error. With `LEDGER_INVALID_OPTION` inside a transaction or another `run` of the same `db`.
   */
  run<DB, T>(
    db: Kysely<DB>,
    work: (trx: Transaction<DB>) => Promise<T>,
    options?: RunOptions,
  ): Promise<RunResult<T>>
  /**
   * What became of an id, or of a transaction whose COMMIT was never answered. A read: it decides
   * nothing and waits for nobody.
   *
   * @throws {@link LedgerError} when the server cannot be asked.
   */
  resolve(db: Executor, input: ResolveInput): Promise<Resolution>
  /**
   * Locks accounts until your transaction ends, in the order in which every call locks. A
   * transaction that begins with this, naming all accounts it will use, cannot deadlock with
   * another that does so too, whatever the order of its calls. At most 1,000 ids. An account that is
   * created later is not locked.
   *
   * @throws {@link LedgerError} outside a transaction (`LEDGER_INVALID_OPTION`: the locks would be
   * gone at once), and for faults as every call inside a transaction.
   */
  lock(trx: Executor, accountIds: readonly string[]): Promise<Locked>
}

/** The verbs of {@link LedgerUnits} on a schema. */
export function unitsOf(s: string): LedgerUnits {
  const calls = { lock: call(s, 'lock_accounts', 'uuid[]'), lookup: call(s, 'lookup', 'uuid') }
  return {
    run,
    resolve: (db, input) => resolve(db, calls.lookup, input),
    async lock(trx, accountIds) {
      refuseLock(trx, accountIds)
      const uuids = accountIds.filter(isUuid)
      const { notFound } = await read(trx, calls.lock, [uuids], (json) => json as Locked)
      return { notFound: [...notFound, ...accountIds.filter((id) => !isUuid(id))] }
    },
  }
}

function refuseLock(trx: Executor, accountIds: readonly string[]): void {
  let message: string | undefined
  if (!trx.isTransaction) message = 'lock needs a transaction: alone, its locks are gone at once'
  else if (!Array.isArray(accountIds) || accountIds.length > LOCK_MAX) {
    message = `lock takes a list of at most ${LOCK_MAX} account ids`
  }
  if (message !== undefined) throw new LedgerError('LEDGER_INVALID_OPTION', message)
}
