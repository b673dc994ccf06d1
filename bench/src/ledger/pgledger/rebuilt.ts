import { createTestDatabase } from '@payflow/testkit'
import { type Kysely, sql } from 'kysely'
import type { World } from '../../lib/world.ts'
import type { Move } from '../moves.ts'
import { count, idAt, openPool, settle } from '../ours.ts'
import { fillJournal, plainEntries } from '../plain-entries.ts'
import { idStatements } from './ids.ts'
import { tableStatements } from './tables.ts'
import { transferStatements } from './transfer.ts'

/** pgledger, rebuilt. */
export interface PgledgerRebuilt extends World {
  /** One named statement of bare `pg`: no wrapper of any kind. */
  transfer(move: Move): Promise<number>
  close(): Promise<void>
}

/**
 * pgledger (github.com/pgr0ss/pgledger, `pgledger.sql` as of commit 93536655e18c, and the
 * `metadata` column that accounts have got since; ids by scoville/pgsql-ulid, `uuid-to-ulid.sql` as
 * of c279055fd772), read there and written anew for this benchmark.
 *
 * The same: tables, columns, types, defaults, checks, foreign keys, indexes; how an id comes about;
 * which function calls which, in which language; each statement of a transfer and its place in the
 * order; how it is called (`select * from create_transfer($1, $2, $3)`, as its README shows).
 * Not the same: every line is ours, names and messages too; the functions that a transfer does not
 * call are left out (creating accounts, the variadic form, the views of accounts and entries).
 *
 * It has no replay by id, no holds, no hashes and no append-only guards: nor has pgledger.
 */
export async function openPgledgerRebuilt(
  serverUrl: string,
  accounts: number,
  connections: number,
): Promise<PgledgerRebuilt> {
  const database = await createTestDatabase({ serverUrl, migrate: (db) => furnish(db, accounts) })
  const entries = plainEntries(database.db, 'rebuilt')
  const ids = await entries.accountIds()
  const pool = openPool(database.url, connections)
  return {
    async transfer({ debit, credit, amountMinor }) {
      const { rowCount } = await pool.query({
        name: 'create_transfer',
        text: 'select * from rebuilt.create_transfer($1, $2, $3)',
        values: [idAt(ids, debit), idAt(ids, credit), amountMinor],
      })
      return rowCount ?? 0
    },
    compared: 'Σ = 0, rows = calls, balances = Σ entries',
    rows: () => count(database.db, 'rebuilt.transfer'),
    faults: () => entries.unbalanced(),
    settle: () => settle(database.db),
    verify: () => entries.lostUpdates(),
    async close() {
      await pool.end()
      await database.dispose()
    },
  }
}

async function furnish(db: Kysely<any>, accounts: number): Promise<void> {
  await sql`create schema rebuilt`.execute(db)
  for (const statement of [...idStatements, ...tableStatements, ...transferStatements]) {
    await sql.raw(statement).execute(db)
  }
  await sql`insert into rebuilt.account (name, currency, allow_negative_balance,
      allow_positive_balance, created_at, updated_at)
    select 'wallet ' || i, 'USD', true, true, now(), now()
    from generate_series(1, ${accounts}) i`.execute(db)
  await fillJournal(db, 'rebuilt')
}
