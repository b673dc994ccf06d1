import type { PostgresPool, PostgresPoolClient } from 'kysely'

/**
 * Texts that are prepared in one process. Some texts are made anew with each list of values; they
 * must not fill the memory of every connection.
 */
const NAMES_MAX = 200

/**
 * Statements that look for rows by an order, a limit or a list are planned with their values each
 * time: the plan for any value, made while a table was small, can be a bad one for years.
 */
const PLANNED_EACH_TIME = /\b(order by|limit|any|over)\b/i

/** One that inserts what it was given, and looks for no rows, has no plan that could be a bad one. */
const insertsWhatItWasGiven = (text: string): boolean =>
  /^\s*insert into\b/i.test(text) && !/\b(from\b(?!\s+unnest\s*\()|join\b)/i.test(text)

/** What `pg` can do besides what Kysely asks of it. */
interface NamingClient extends PostgresPoolClient {
  query(statement: {
    readonly name: string
    readonly text: string
    readonly values: readonly unknown[]
  }): Promise<any>
  query(...args: readonly any[]): any
}

/**
 * A pool whose statements PostgreSQL parses and plans once a connection instead of at every call:
 * half of what such a statement costs it. Statements without values, such as BEGIN, are as they were.
 *
 * Not behind a pooler that gives each transaction another connection.
 */
export function preparedPool(pool: PostgresPool): PostgresPool {
  const names = new Map<string, string>()
  const known = new WeakMap<PostgresPoolClient, PostgresPoolClient>()
  return {
    ...(pool.Client === undefined ? {} : { Client: pool.Client }),
    options: pool.options,
    async connect() {
      const client = await pool.connect()
      // Kysely knows a connection by its client: the same one must come back.
      let preparing = known.get(client)
      if (preparing === undefined) {
        known.set(client, (preparing = new PreparingClient(client as NamingClient, names)))
      }
      return preparing
    },
    end: () => pool.end(),
  }
}

class PreparingClient implements PostgresPoolClient {
  declare readonly processID?: number
  readonly #client: NamingClient
  readonly #names: Map<string, string>
  /** Texts that this connection may not have under their name any more. */
  readonly #forgotten = new Set<string>()

  constructor(client: NamingClient, names: Map<string, string>) {
    this.#client = client
    this.#names = names
    if (client.processID !== undefined) this.processID = client.processID
  }

  query(text: unknown, values?: readonly unknown[]): any {
    if (typeof text !== 'string') return this.#client.query(text)
    const name = this.#nameOf(text, values)
    if (name === undefined) return this.#client.query(text, values)
    return this.#client.query({ name, text, values: values ?? [] }).catch((error: unknown) => {
      if (!isOwnFault(error)) this.#forgotten.add(text)
      throw error
    })
  }

  release(destroy?: boolean): void {
    this.#client.release(destroy)
  }

  #nameOf(text: string, values: readonly unknown[] = []): string | undefined {
    if (values.length === 0 || this.#forgotten.has(text)) return undefined
    const name = this.#names.get(text)
    if (name !== undefined) return name === '' ? undefined : name
    if (this.#names.size >= NAMES_MAX) return undefined
    const isPlannedEachTime = PLANNED_EACH_TIME.test(text) && !insertsWhatItWasGiven(text)
    const made = isPlannedEachTime ? '' : `p${this.#names.size}`
    this.#names.set(text, made)
    return made === '' ? undefined : made
  }
}

/**
 * Whether the statement failed by itself and is still prepared. Otherwise the server has lost it
 * (26000), its result has another shape since a migration (0A000), or the error is the driver's own,
 * who then closes the statement on the server and goes on counting it as parsed.
 */
function isOwnFault(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return (
    typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !['26000', '0A000'].includes(code)
  )
}
