import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { type Executor, surviveConnectionLoss } from '../../src/index.ts'

/** A pool of its own, so that a test can change settings or lose connections. */
export async function withOwnPool(
  config: pg.PoolConfig,
  act: (db: Executor, pool: pg.Pool, losses: readonly Error[]) => Promise<void>,
): Promise<void> {
  const pool = new pg.Pool({ max: 2, ...config })
  const losses: Error[] = []
  surviveConnectionLoss(pool, (error) => losses.push(error))
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    await act(db, pool, losses)
  } finally {
    await db.destroy()
  }
}
