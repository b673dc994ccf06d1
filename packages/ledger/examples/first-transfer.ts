import type { Balance } from '@payflow/ledger'
// #region setup
import { randomUUID } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import { Pool } from 'pg'
import { createLedger, migrateLedger, surviveConnectionLoss } from '@payflow/ledger'

/** The pool stays yours: the ledger opens no connection and closes none. */
export function connect(connectionString: string): Kysely<unknown> {
  const pool = surviveConnectionLoss(new Pool({ connectionString }), (error) =>
    console.error(error),
  )
  return new Kysely({ dialect: new PostgresDialect({ pool }) })
}
// #endregion setup

/** Opens two accounts, moves 100.00 USD between them, and asks for the balance. */
export async function firstTransfer(db: Kysely<unknown>): Promise<Balance | null> {
  // #region main
  await migrateLedger(db) // once, at deployment
  const ledger = createLedger()
  const [bank, alice] = [randomUUID(), randomUUID()]
  await ledger.accounts.create(db, { id: bank, currency: 'USD', kind: 'asset' })
  await ledger.accounts.create(db, {
    id: alice,
    currency: 'USD',
    kind: 'liability',
    floorMinor: 0n,
  })
  const sides = { debitAccountId: bank, creditAccountId: alice }
  const request = { id: randomUUID(), ...sides, amountMinor: 100_00n, currency: 'USD' }
  const first = await ledger.transfer(db, request)
  const again = await ledger.transfer(db, request) // the answer got lost? send it again
  console.log(first.outcome, again.outcome) // created replayed
  const balance = await ledger.balance(db, alice) // { balanceMinor: 10000n, … }
  // #endregion main
  return balance
}
