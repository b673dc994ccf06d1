import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import type { Registry } from 'prom-client'
import type { Logger } from './logger.ts'
import { AnsweringClient } from './pg-client.ts'
import { registerPoolMetrics } from './pool-metrics.ts'
import { preparedPool } from './prepared-pool.ts'

/** Connections of a process at most, unless it says otherwise: seven stay below PostgreSQL's 100. */
export const DATABASE_POOL_MAX = 10

/** Options of {@link createDatabase}. */
export interface DatabaseOptions {
  readonly url: string
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string
  readonly logger: Logger
  /** Where the use of the pool is exported; one pool a process. @defaultValue nowhere */
  readonly registry?: Registry | undefined
  /** Connections at most. @defaultValue {@link DATABASE_POOL_MAX} */
  readonly poolMax?: number
  /** After this PostgreSQL cancels a statement. @defaultValue `5_000` */
  readonly statementTimeoutMs?: number
  /** After this a statement gives up waiting for a lock. @defaultValue `2_000` */
  readonly lockTimeoutMs?: number
}

/** A pool of connections to one database. */
export interface Database<DB> {
  readonly db: Kysely<DB>
  /** Resolves when the database answers. */
  ping(): Promise<void>
  /** Resolves when these tables are there: `schema.name`. Rejects with the names of those that are not. */
  hasTables(tables: readonly string[]): Promise<void>
  /** Waits for what is running, then closes all connections. */
  close(): Promise<void>
}

/** A connection is made within this or not at all: requests must not queue for a dead server. */
const CONNECT_TIMEOUT_MS = 3_000

/** A transaction that does nothing for this long belongs to a process that forgot it. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000

/** How much later than PostgreSQL the client gives up itself: then the server is frozen. */
const CLIENT_TIMEOUT_EXTRA_MS = 1_000

/**
 * Creates a pool. Connects with the first statement, so a process starts while its database is
 * away, and survives the loss of any connection at any moment: `pg` takes its own error listener
 * off a client that is checked out, so a backend that dies between two statements would otherwise
 * end the process with an unhandled `error` event.
 */
export function createDatabase<DB>(options: DatabaseOptions): Database<DB> {
  const { logger, statementTimeoutMs = 5_000 } = options
  const pool = new pg.Pool({
    Client: AnsweringClient,
    connectionString: options.url,
    application_name: options.applicationName,
    max: options.poolMax ?? DATABASE_POOL_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    lock_timeout: options.lockTimeoutMs ?? 2_000,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    query_timeout: statementTimeoutMs + CLIENT_TIMEOUT_EXTRA_MS,
    keepAlive: true,
  })
  if (options.registry !== undefined) registerPoolMetrics(options.registry, pool)
  pool.on('error', (error) => logger.warn({ err: error }, 'an idle database connection was lost'))
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.warn({ err: error }, 'a database connection was lost'))
  })
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool: preparedPool(pool) }) })
  return {
    db,
    async ping() {
      await sql`select 1`.execute(db)
    },
    async hasTables(tables) {
      const { rows } = await sql<{ name: string }>`
        select name from unnest(${[...tables]}::text[]) as name
        where to_regclass(name) is null`.execute(db)
      if (rows.length > 0) throw new Error(`not there: ${rows.map(({ name }) => name).join(', ')}`)
    },
    async close() {
      await db.destroy()
    },
  }
}
