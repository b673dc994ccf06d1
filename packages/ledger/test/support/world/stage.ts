import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import {
  type AccountInput,
  createLedger,
  type Executor,
  type Ledger,
  surviveConnectionLoss,
} from '../../../src/index.ts'
import { type FaultProxy, faultProxy } from '../wire/fault-proxy.ts'
import { Model } from '../model/model.ts'
import { SEALED_UNTIL } from './operations.ts'
import { Tally } from './tally.ts'

/** What all worlds of a run have in common. */
export interface Stage {
  readonly url: string
  readonly ledger: Ledger
  /** Connections without faults, for whoever is not the client of a world. */
  readonly side: Executor
  /** Ids of shared accounts by name, for one world in so many each. */
  readonly neighbourhoods: readonly ReadonlyMap<string, string>[]
  readonly tally: Tally
  readonly newModel: () => Model
  readonly unknownIsFailed: boolean
  /** Key of the checkpoints that are made while worlds are played. */
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  close(): Promise<void>
}

export interface StageOptions {
  readonly sideConnections?: number
  /**
   * Wait for the disk at each COMMIT. Needed where the server is crashed.
   * @defaultValue `false`
   */
  readonly isDurable?: boolean
  /** @defaultValue the model; a wrong one shows that the comparison finds what is wrong */
  readonly newModel?: () => Model
  /**
   * Take an `unknown` for a failure, as a careless client does.
   * @defaultValue `false`; true shows that the comparison finds what is wrong
   */
  readonly unknownIsFailed?: boolean
}

/** Accounts that worlds share with their neighbours, by the name that they know them by. */
export const SHARED: Readonly<
  Record<string, Pick<AccountInput, 'kind' | 'currency'> & { readonly shards?: number }>
> = {
  bank: { kind: 'asset', currency: 'USD' },
  fees: { kind: 'income', currency: 'USD' },
  till: { kind: 'liability', currency: 'USD' },
  pool: { kind: 'liability', currency: 'USD', shards: 8 },
  // Only for transactions that lock accounts in the order in which they happen to need them.
  x: { kind: 'asset', currency: 'USD' },
  y: { kind: 'liability', currency: 'USD' },
  euros: { kind: 'asset', currency: 'EUR' },
}

/** Sets of shared accounts: of 24 worlds, four wait for each other. */
const NEIGHBOURHOODS = 6

/** Sets the stage in a database that has the ledger and the triggers of the server's faults. */
export async function openStage(url: string, options: StageOptions = {}): Promise<Stage> {
  const ledger = createLedger()
  const side = openPool(url, options.sideConnections ?? 8)
  await configure(side.db, options.isDurable ?? false)
  const sealed = await ledger.sealPeriod(side.db, { until: new Date(SEALED_UNTIL) })
  if (sealed.outcome !== 'sealed' && sealed.outcome !== 'replayed') {
    throw new Error(`not sealed: ${sealed.outcome}`)
  }
  const neighbourhoods: Map<string, string>[] = []
  for (let number = 0; number < NEIGHBOURHOODS; number += 1) {
    const shared = new Map<string, string>()
    for (const [name, { shards, ...account }] of Object.entries(SHARED)) {
      const id = randomUUID()
      const hot = shards === undefined ? 'exact' : (`sharded:${shards}` as const)
      const { outcome } = await ledger.accounts.create(side.db, { id, ...account, hot })
      if (outcome !== 'created') throw new Error(`no account ${name}: ${outcome}`)
      shared.set(name, id)
    }
    neighbourhoods.push(shared)
  }
  return {
    url,
    ledger,
    side: side.db,
    neighbourhoods,
    tally: new Tally(),
    newModel: options.newModel ?? (() => new Model()),
    unknownIsFailed: options.unknownIsFailed ?? false,
    keys: generateKeyPairSync('ed25519'),
    close: () => side.db.destroy(),
  }
}

/** Settings of the database, for the connections that come from now on. */
async function configure(db: Executor, isDurable: boolean): Promise<void> {
  const settings = {
    // Deadlocks that are asked for are found at once.
    deadlock_timeout: "''20ms''",
    ...(isDurable ? {} : { synchronous_commit: 'off' }),
  }
  for (const [name, value] of Object.entries(settings)) {
    await sql`do $do$ begin
      execute format('alter database %I set ${sql.raw(name)} = ${sql.raw(value)}',
        current_database());
    end $do$`.execute(db)
  }
}

/**
 * The connections of a client: one that it uses, and one through a wire that can be cut, which it
 * uses where the connection is to suffer. (All on one wire would be as true, and half as fast.)
 */
export interface Lane extends Connection {
  readonly number: number
  readonly wired: Connection
  readonly proxy: FaultProxy
  close(): Promise<void>
}

/** A pool of one. */
export interface Connection {
  readonly db: Executor
  readonly pool: pg.Pool
}

export async function openLane(url: string, number: number): Promise<Lane> {
  const proxy = await faultProxy(url)
  const [straight, wired] = [openPool(url, 1), openPool(proxy.url, 1)]
  return {
    ...straight,
    number,
    wired,
    proxy,
    async close() {
      await straight.db.destroy()
      await wired.db.destroy()
      await proxy.close()
    },
  }
}

function openPool(url: string, max: number): Connection {
  const pool = surviveConnectionLoss(new pg.Pool({ connectionString: url, max }))
  return { db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }), pool }
}
