import { createTestDatabase } from '@payflow/testkit'
import { type Generated, type Kysely, sql } from 'kysely'
import { v7 } from 'uuid'
import type { World } from '../lib/world.ts'
import type { Move } from './moves.ts'
import { count, idAt, kyselyOf, openPool, settle } from './ours.ts'
import { plainEntries } from './plain-entries.ts'

interface Tables {
  'plain.account': { id: string; currency: string; balance: bigint; floor: bigint }
  'plain.transfer': {
    id: string
    debit_id: string
    credit_id: string
    amount: bigint
    currency: string
    code: string
  }
  'plain.entry': {
    id: Generated<bigint>
    transfer_id: string
    account_id: string
    amount: bigint
    balance_after: bigint
  }
}

/** The transaction that most teams write first. */
export interface SevenStatements extends World {
  /** BEGIN, insert transfer, lock both accounts, update, update, insert entries, COMMIT. */
  transfer(move: Move): Promise<number>
  close(): Promise<void>
}

/**
 * Written with care: accounts locked in the order of their ids, the floor looked at under the lock,
 * both entries in one insert. No foreign keys, which would make this order of work deadlock
 * (LEDGER-03).
 */
export async function openSevenStatements(
  serverUrl: string,
  accounts: number,
  connections: number,
  via: (url: string) => string = (url) => url,
): Promise<SevenStatements> {
  const database = await createTestDatabase({ serverUrl, migrate: (db) => furnish(db, accounts) })
  const entries = plainEntries(database.db, 'plain')
  const ids = await entries.accountIds()
  const pool = openPool(via(database.url), connections)
  const db = kyselyOf<Tables>(pool)
  return {
    async transfer(move) {
      await post(db, idAt(ids, move.debit), idAt(ids, move.credit), move.amountMinor)
      return 1
    },
    compared: 'Σ = 0, rows = calls, balances = Σ entries',
    rows: () => count(database.db, 'plain.transfer'),
    faults: () => entries.unbalanced(),
    settle: () => settle(database.db),
    verify: () => entries.lostUpdates(),
    async close() {
      await pool.end()
      await database.dispose()
    },
  }
}

function post(
  db: Kysely<Tables>,
  debitId: string,
  creditId: string,
  amount: bigint,
): Promise<void> {
  return db.transaction().execute(async (trx) => {
    const id = v7()
    const row = {
      id,
      debit_id: debitId,
      credit_id: creditId,
      amount,
      currency: 'USD',
      code: 'payment',
    }
    await trx.insertInto('plain.transfer').values(row).execute()
    const locked = await trx
      .selectFrom('plain.account')
      .selectAll()
      .where('id', 'in', [debitId, creditId])
      .orderBy('id')
      .forUpdate()
      .execute()
    const debit = locked.find((account) => account.id === debitId)
    const credit = locked.find((account) => account.id === creditId)
    if (debit?.currency !== 'USD' || credit?.currency !== 'USD') throw new Error('no such account')
    // The driver gives bigint columns as text.
    const debitAfter = BigInt(debit.balance) - amount
    const creditAfter = BigInt(credit.balance) + amount
    if (debitAfter < BigInt(debit.floor)) throw new Error('insufficient funds')
    await trx
      .updateTable('plain.account')
      .set({ balance: debitAfter })
      .where('id', '=', debitId)
      .execute()
    await trx
      .updateTable('plain.account')
      .set({ balance: creditAfter })
      .where('id', '=', creditId)
      .execute()
    await trx
      .insertInto('plain.entry')
      .values([
        { transfer_id: id, account_id: debitId, amount: -amount, balance_after: debitAfter },
        { transfer_id: id, account_id: creditId, amount, balance_after: creditAfter },
      ])
      .execute()
  })
}

async function furnish(db: Kysely<any>, accounts: number): Promise<void> {
  await sql`create schema plain`.execute(db)
  await sql`create table plain.account (id uuid primary key, currency text not null,
    balance bigint not null default 0, floor bigint not null) with (fillfactor = 50)`.execute(db)
  await sql`create table plain.transfer (id uuid primary key, debit_id uuid not null,
    credit_id uuid not null, amount bigint not null check (amount > 0), currency text not null,
    code text, created_at timestamptz not null default now())`.execute(db)
  await sql`create table plain.entry (id bigint generated always as identity primary key,
    transfer_id uuid not null, account_id uuid not null, amount bigint not null,
    balance_after bigint not null, created_at timestamptz not null default now())`.execute(db)
  await sql`create index entry_of_account on plain.entry (account_id, id)`.execute(db)
  await sql`create index entry_of_transfer on plain.entry (transfer_id)`.execute(db)
  await sql`insert into plain.account (id, currency, floor)
    select gen_random_uuid(), 'USD', -100000000000 from generate_series(1, ${accounts})`.execute(db)
}
