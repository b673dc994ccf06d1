import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import { preparedName } from './sql/call.ts'

/** What `pg` takes besides a text and its values. */
interface NamedStatement {
  readonly name: string
  readonly text: string
  readonly values: readonly unknown[]
}

/**
 * Lets PostgreSQL parse and plan each of the ledger's statements once a connection instead of at
 * every call. Give the result to Kysely; the pool itself stays yours, to end and to listen to:
 *
 * `new PostgresDialect({ pool: preparedStatements(surviveConnectionLoss(new Pool(…))) })`
 *
 * Only the ledger's own statements are named; everything else passes through as it is. They live as
 * long as their connection, about thirty of them a schema. Do not use it behind a pooler that gives
 * each transaction another connection, unless that keeps prepared statements (pgbouncer does since
 * 1.21, with `max_prepared_statements`): calls would fail with 26000 or 42P05. The same holds where
 * something runs `DISCARD ALL` or `DEALLOCATE ALL` on pooled connections.
 */
export function preparedStatements(pool: PostgresPool): PostgresPool {
  const known = new WeakMap<PostgresPoolClient, PostgresPoolClient>()
  return {
    ...(pool.Client === undefined ? {} : { Client: pool.Client }),
    options: pool.options,
    async connect() {
      const client = await pool.connect()
      // Kysely keeps a record of each connection by its client: the same one must come back.
      let preparing = known.get(client)
      if (preparing === undefined) known.set(client, (preparing = new PreparingClient(client)))
      return preparing
    },
    end: () => pool.end(),
  }
}

class PreparingClient implements PostgresPoolClient {
  declare readonly processID?: number
  readonly #client: NamingClient

  constructor(client: PostgresPoolClient) {
    this.#client = client as NamingClient
    if (client.processID !== undefined) this.processID = client.processID
  }

  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  query<R>(
    first: string | PostgresCursor<R>,
    values: readonly unknown[] = [],
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof first !== 'string') return this.#client.query(first)
    const name = preparedName(first)
    if (name === undefined) return this.#client.query(first, values)
    return this.#client.query({ name, text: first, values })
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy)
  }
}

/** What `pg` can do besides what Kysely asks of it. */
interface NamingClient extends PostgresPoolClient {
  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  query<R>(statement: NamedStatement): Promise<PostgresQueryResult<R>>
}
