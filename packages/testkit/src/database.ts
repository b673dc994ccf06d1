import { createHash, randomBytes } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { openResources } from './open-resources.ts'
import { runContext, sharedServers } from './shared-servers.ts'

export interface TestDatabaseOptions {
  /** Brings the empty database to the state the test starts from. */
  readonly migrate?: (db: Kysely<any>) => Promise<unknown>
  /**
   * Name of that state. With it the migrations run once per test run, into a template that every database
   * with the same key is copied from (about 0.1 s). Without it they run for this database alone.
   */
  readonly cacheKey?: string
  /** Upper bound of the pool. @defaultValue 10 */
  readonly connectionsMax?: number
  /** Superuser's address of the server to use. @defaultValue the shared one */
  readonly serverUrl?: string
}

/** A database that nobody else uses. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly name: string
  readonly db: Kysely<any>
  readonly pool: pg.Pool
  /** Closes the pool and drops the database, other people's connections included. May be called twice. */
  dispose(): Promise<void>
}

const processId = randomBytes(4).toString('hex')

/** Prefix of every database of this run, so that the global set-up can drop what is left. @internal */
export function databasePrefix(runId: string = runContext()?.runId ?? processId): string {
  return `payflow_test_${runId}`
}

/** Creates a database for one test file (or one test) on the shared PostgreSQL. */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const serverUrl = options.serverUrl ?? sharedServers().postgresUrl
  const name = `${databasePrefix()}_${randomBytes(6).toString('hex')}`
  await withClient(serverUrl, async (admin) => {
    const template =
      options.cacheKey === undefined ? undefined : await templateFor(admin, serverUrl, options)
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template ?? 'template0'}`)
  })
  const database = openDatabase(serverUrl, name, options.connectionsMax ?? 10)
  try {
    if (options.cacheKey === undefined) await options.migrate?.(database.db)
    return database
  } catch (error) {
    await database.dispose()
    throw error
  }
}

function openDatabase(serverUrl: string, name: string, connectionsMax: number): TestDatabase {
  const url = urlOf(serverUrl, name)
  const pool = openPool(url, connectionsMax)
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  let disposal: Promise<void> | undefined
  const database: TestDatabase = {
    url,
    name,
    db,
    pool,
    dispose: () => (disposal ??= dispose()),
    [Symbol.asyncDispose]: () => database.dispose(),
  }
  async function dispose(): Promise<void> {
    openResources.delete(database)
    await db.destroy()
    if (!pool.ended) await pool.end()
    await withClient(serverUrl, (admin) =>
      admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    )
  }
  openResources.add(database, `test database ${name}`, () => database.dispose())
  return database
}

/**
 * The template for the key, migrated by whoever comes first; the others wait on an advisory lock. It gets its
 * name only when it is complete, so a killed run leaves no half-migrated template to be found.
 */
async function templateFor(
  admin: pg.Client,
  serverUrl: string,
  options: TestDatabaseOptions,
): Promise<string> {
  const key = createHash('sha256')
    .update(options.cacheKey ?? '')
    .digest('hex')
    .slice(0, 16)
  const template = `${databasePrefix()}_t_${key}`
  await admin.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [template])
  try {
    const found = await admin.query('SELECT 1 FROM pg_database WHERE datname = $1', [template])
    if (found.rowCount !== 0) return template
    const draft = `${template}_${randomBytes(4).toString('hex')}`
    await admin.query(`CREATE DATABASE ${draft} TEMPLATE template0`)
    const pool = openPool(urlOf(serverUrl, draft), 2)
    const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
    try {
      await options.migrate?.(db)
    } finally {
      await db.destroy()
    }
    await admin.query(`ALTER DATABASE ${draft} RENAME TO ${template}`)
    return template
  } finally {
    await admin.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [template])
  }
}

/** Drops every database of the run, templates included. @internal */
export async function dropDatabasesOfRun(serverUrl: string, runId: string): Promise<void> {
  await withClient(serverUrl, async (admin) => {
    const found = await admin.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [`${databasePrefix(runId)}_`],
    )
    for (const { datname } of found.rows) {
      await admin.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`)
    }
  })
}

function openPool(url: string, connectionsMax: number): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: connectionsMax })
  // DROP DATABASE … WITH (FORCE) and killed servers end connections; without listeners that ends the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}

/** Does the work on a connection of its own. */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
