import { Transaction } from 'kysely'
import type { DatabaseConnection, Dialect, Driver, Kysely, QueryExecutor } from 'kysely'
import { QueueError } from '../errors.ts'
import type { HandlerTransaction } from '../handler.ts'
import { queryThrough } from '../postgres/query.ts'
import type { Query } from '../postgres/query.ts'
import { isUnavailable } from '../postgres/pg-errors.ts'
import { controlsTransaction } from './transaction-control.ts'

/**
 * The transaction a handler sees: everything a Kysely transaction can do except end it. Knows
 * which of the handler's statements are still running and whether the database went away meanwhile.
 */
export class GuardedTransaction<DB> {
  readonly trx: HandlerTransaction<DB>
  #open = true
  #running = 0
  #idle: (() => void) | undefined
  #databaseError: unknown
  #query: Query | undefined

  /** Our own statements in the handler's name; refused like the handler's own once it is over. */
  readonly query: Query = (text, parameters) => {
    // Made when it is first needed: most handlers need none.
    this.#query ??= queryThrough(this.trx)
    return this.#query(text, parameters)
  }

  constructor(db: Kysely<DB>, connection: DatabaseConnection) {
    const guarded = this.#guard(connection)
    const executor = db.getExecutor().withConnectionProvider({
      // Counted here, where Kysely arrives before its first await, and not where the statement is
      // sent: a query nobody awaited is then seen when the handler returns.
      provideConnection: async (use) => {
        this.#requireOpen()
        this.#running += 1
        try {
          return await use(guarded)
        } finally {
          this.#running -= 1
          if (this.#running === 0) this.#idle?.()
        }
      },
    })
    this.trx = asTransaction<DB>(executor)
  }

  /** Set once a statement failed because PostgreSQL is away, whatever the handler made of it. */
  get databaseError(): unknown {
    return this.#databaseError
  }

  /** Refuses every further query; returns how many are still running. */
  close(): number {
    this.#open = false
    return this.#running
  }

  /** Waits for queries that were running at the close. */
  async settled(): Promise<void> {
    if (this.#running === 0) return
    await new Promise<void>((resolve) => {
      this.#idle = resolve
    })
  }

  #guard(connection: DatabaseConnection): DatabaseConnection {
    return {
      executeQuery: async (query) => {
        this.#requireAllowed(query.sql)
        try {
          return await connection.executeQuery(query)
        } catch (error) {
          if (isUnavailable(error)) this.#databaseError = error
          throw error
        }
      },
      streamQuery: (query, chunkSize) => {
        this.#requireAllowed(query.sql)
        return connection.streamQuery(query, chunkSize)
      },
    }
  }

  #requireOpen(): void {
    if (this.#open) return
    throw new QueueError(
      'The transaction of this handler is over. Await every query before the handler returns.',
      { code: 'QUEUE_TRANSACTION_CLOSED', retryable: false },
    )
  }

  #requireAllowed(sql: string): void {
    if (!controlsTransaction(sql)) return
    throw new QueueError(
      'A handler can neither begin nor end a transaction: return to commit, throw to roll back.',
      { code: 'QUEUE_TRANSACTION_CONTROL', retryable: false },
    )
  }
}

/**
 * Kysely makes transactions only together with their BEGIN and COMMIT, which are ours. All a
 * transaction does besides goes through its executor; asking it for a driver or a dialect, as
 * opening another connection would, finds nothing.
 */
function asTransaction<DB>(executor: QueryExecutor): HandlerTransaction<DB> {
  const none = {}
  return new Transaction<DB>({
    config: { dialect: none as Dialect },
    dialect: none as Dialect,
    driver: none as Driver,
    executor,
  })
}
