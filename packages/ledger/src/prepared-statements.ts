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
  /** Statements that `pg` may wrongly believe prepared on this connection: sent unnamed from then. */
  readonly #forgotten = new Set<string>()

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
    if (name === undefined || this.#forgotten.has(name)) return this.#client.query(first, values)
    return this.#named({ name, text: first, values })
  }

  async #named<R>(statement: NamedStatement): Promise<PostgresQueryResult<R>> {
    try {
      return await this.#client.query<R>(statement)
    } catch (error) {
      if (mayBeForgotten(error)) this.#forgotten.add(statement.name)
      throw error
    }
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy)
  }
}

/**
 * Whether the server may lack the statement now: it said so, or the error is the driver's own. When
 * `pg` cannot write a value down it closes the statement on the server and still counts it as parsed.
 */
function mayBeForgotten(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === '26000' || typeof code !== 'string' || !/^[0-9A-Z]{5}$/.test(code)
}

/** What `pg` can do besides what Kysely asks of it. */
interface NamingClient extends PostgresPoolClient {
  query<R>(text: string, values: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  query<R>(statement: NamedStatement): Promise<PostgresQueryResult<R>>
}
