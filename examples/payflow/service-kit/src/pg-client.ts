import pg from 'pg'
import { traceStatement } from './tracing/trace-statement.ts'

/** What pg rejects a statement with when `query_timeout` has passed; it has no code. */
const NO_ANSWER = 'Query read timeout'

/**
 * A connection that ends with the first statement it gives up on.
 *
 * pg gives such a statement up and keeps the connection, on which it is still under way. When that
 * statement is a BEGIN and the server comes back, the next borrower's statements would run, and be
 * answered as done, inside a transaction that nobody commits. What became of the statement itself
 * is unknown, as after any loss of a connection.
 *
 * Here also each statement gets its span, because every statement of a pool comes through.
 */
export class AnsweringClient extends pg.Client {
  // The overloads of pg are many; all of them that return a promise come through here.
  override query(...args: readonly any[]): any {
    // With a callback, or as a query that is submitted, it answers nothing that could be waited for.
    const [statement] = args
    const isAwaited = typeof args.at(-1) !== 'function' && typeof statement?.submit !== 'function'
    if (!isAwaited) return this.#send(args)
    return traceStatement(statement, () => this.#send(args) as Promise<unknown>)
  }

  #send(args: readonly any[]): unknown {
    const result: unknown = (super.query as (...args: readonly any[]) => unknown)(...args)
    if (!(result instanceof Promise)) return result
    return result.catch((error: unknown) => {
      if (!(error instanceof Error) || error.message !== NO_ANSWER) throw error
      // Cuts the connection at once, since a statement is under way; the pool drops the client.
      this.end().catch(() => undefined)
      throw new Error('Connection terminated: no answer in time', { cause: error })
    })
  }
}
