import { randomUUID } from 'node:crypto'
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
import { SEALED_UNTIL } from './draw.ts'
import { Tally } from './tally.ts'

/** What all worlds of a run have in common. */
export interface Stage {
  readonly url: string
  readonly ledger: Ledger
  /** Connections without faults, for whoever is not the client of a world. */
  readonly side: Executor
  /** Ids of the accounts that every world uses, by name. */
  readonly shared: ReadonlyMap<string, string>
  readonly tally: Tally
  readonly newModel: () => Model
  readonly unknownIsFailed: boolean
  close(): Promise<void>
}

export interface StageOptions {
  readonly sideConnections?: number
  /** @defaultValue the model; a wrong one shows that the comparison finds what is wrong */
  readonly newModel?: () => Model
  /**
   * Take an `unknown` for a failure, as a careless client does.
   * @defaultValue `false`; true shows that the comparison finds what is wrong
   */
  readonly unknownIsFailed?: boolean
}

const SHARED: Readonly<Record<string, Pick<AccountInput, 'kind' | 'currency'>>> = {
  bank: { kind: 'asset', currency: 'USD' },
  fees: { kind: 'income', currency: 'USD' },
  euros: { kind: 'asset', currency: 'EUR' },
}

/** Sets the stage in a database that has the ledger and the triggers of the server's faults. */
export async function openStage(url: string, options: StageOptions = {}): Promise<Stage> {
  const ledger = createLedger()
  const side = openPool(url, options.sideConnections ?? 8)
  const shared = new Map<string, string>()
  for (const [name, account] of Object.entries(SHARED)) {
    const id = randomUUID()
    const { outcome } = await ledger.accounts.create(side.db, { id, ...account })
    if (outcome !== 'created') throw new Error(`no account ${name}: ${outcome}`)
    shared.set(name, id)
  }
  await sql`update ledger.book set sealed_until = to_timestamp(${SEALED_UNTIL / 1_000})`.execute(
    side.db,
  )
  return {
    url,
    ledger,
    side: side.db,
    shared,
    tally: new Tally(),
    newModel: options.newModel ?? (() => new Model()),
    unknownIsFailed: options.unknownIsFailed ?? false,
    close: () => side.db.destroy(),
  }
}

/** The one connection of a client, through a wire that can be cut. */
export interface Lane {
  readonly proxy: FaultProxy
  readonly db: Executor
  readonly pool: pg.Pool
  close(): Promise<void>
}

export async function openLane(url: string): Promise<Lane> {
  const proxy = await faultProxy(url)
  const { db, pool } = openPool(proxy.url, 1)
  return {
    proxy,
    db,
    pool,
    async close() {
      await db.destroy()
      await proxy.close()
    },
  }
}

function openPool(url: string, max: number): { db: Executor; pool: pg.Pool } {
  const pool = surviveConnectionLoss(new pg.Pool({ connectionString: url, max }))
  return { db: new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) }), pool }
}
