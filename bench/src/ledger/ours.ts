import { createLedger, type Ledger, migrateLedger, type TransferInput } from '@payflow/ledger'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { v7 } from 'uuid'
import type { World } from '../lib/world.ts'
import type { Move } from './moves.ts'

/** Our ledger in a database of its own, with accounts. */
export interface OurWorld extends World {
  readonly database: TestDatabase
  readonly ledger: Ledger
  /** Of the numbered accounts of a {@link Move}. */
  readonly accountIds: string[]
  /** The request for a move, with a new id. */
  request(move: Move): TransferInput
  /** `size` connections to this database (or to `url`), closed with the world. */
  pool(size: number, settings?: string, url?: string): pg.Pool
  close(): Promise<void>
}

export interface OurWorldOptions {
  readonly serverUrl: string
  readonly accounts: number
  /** Done to the database before anything is measured: what a variant leaves out. */
  readonly change?: (db: Kysely<any>) => Promise<void>
}

/** The ids are made once, and so are the accounts: every world is a copy of the first. */
const accountIdsOf = new Map<number, string[]>()

export async function openOurs(options: OurWorldOptions): Promise<OurWorld> {
  const { serverUrl, accounts, change } = options
  const first = accountIdsOf.get(accounts) ?? Array.from({ length: accounts }, () => v7())
  accountIdsOf.set(accounts, first)
  const accountIds = [...first]
  const ledger = createLedger()
  const database = await createTestDatabase({
    serverUrl,
    cacheKey: `bench-${accounts}-${first[0]}`,
    migrate: (db) => furnish(db, ledger, first),
    connectionsMax: 2,
  })
  const { db } = database
  await change?.(db)
  const pools: pg.Pool[] = []
  return {
    database,
    ledger,
    accountIds,
    compared: 'Σ = 0, rows = calls, verify clean',
    request: ({ debit, credit, amountMinor }) => ({
      id: v7(),
      debitAccountId: idAt(accountIds, debit),
      creditAccountId: idAt(accountIds, credit),
      amountMinor,
      currency: 'USD',
      code: 'payment',
    }),
    rows: () => count(db, 'ledger.transfer'),
    faults: () => unbalanced(db),
    settle: () => settle(db),
    async verify() {
      const { findings } = await ledger.verify(db)
      return findings.map((finding) => `verify: ${JSON.stringify(finding)}`)
    },
    pool(size, settings, url = database.url) {
      const pool = openPool(url, size, settings)
      pools.push(pool)
      return pool
    },
    async close() {
      for (const pool of pools) await pool.end()
      await database.dispose()
    },
  }
}

/** Wallets that may go to minus a billion: the floor is looked at in every call, and never met. */
async function furnish(db: Kysely<any>, ledger: Ledger, ids: readonly string[]): Promise<void> {
  await migrateLedger(db)
  const left = ids.values()
  const floorMinor = -100_000_000_000n
  const one = async () => {
    for (const id of left) {
      const account = { id, currency: 'USD', kind: 'liability', floorMinor } as const
      const { outcome } = await ledger.accounts.create(db, account)
      if (outcome !== 'created') throw new Error(`no account: ${outcome}`)
    }
  }
  await Promise.all([one(), one()])
  await settle(db)
}

const unbalanced = async (db: Kysely<any>): Promise<string[]> => {
  const { rows } = await sql<{ difference: string }>`
    select (sum(posted_debits_minor) - sum(posted_credits_minor))::text as difference
    from ledger.account`.execute(db)
  const difference = rows[0]?.difference
  return difference === '0' ? [] : [`debits less credits are ${difference}`]
}

/** Adds an account that everybody pays; its number. */
export async function addHotAccount(
  ours: OurWorld,
  hot: 'exact' | `sharded:${number}`,
): Promise<number> {
  const account = { id: v7(), currency: 'USD', kind: 'income', hot } as const
  const { outcome } = await ours.ledger.accounts.create(ours.database.db, account)
  if (outcome !== 'created') throw new Error(`no account: ${outcome}`)
  return ours.accountIds.push(account.id) - 1
}

export const settle = async (db: Kysely<any>): Promise<void> => {
  await sql`vacuum analyze`.execute(db)
}

/** Rows of a table. */
export async function count(db: Kysely<any>, table: string): Promise<number> {
  const { rows } = await sql<{
    n: string
  }>`select count(*) as n from ${sql.table(table)}`.execute(db)
  return Number(rows[0]?.n)
}

export function openPool(url: string, size: number, settings?: string): pg.Pool {
  const options = settings === undefined ? {} : { options: settings }
  // A benchmark's connections stay open between its rounds.
  const pool = new pg.Pool({ connectionString: url, max: size, idleTimeoutMillis: 0, ...options })
  // The database is dropped under connections that are just closing.
  pool.on('error', () => undefined)
  return pool
}

export const kyselyOf = <DB = any>(
  pool: ConstructorParameters<typeof PostgresDialect>[0]['pool'],
): Kysely<DB> => new Kysely<DB>({ dialect: new PostgresDialect({ pool }) })

/** The id of an account by its number. */
export function idAt(ids: readonly string[], index: number): string {
  const id = ids[index]
  if (id === undefined) throw new Error(`no account ${index}`)
  return id
}
