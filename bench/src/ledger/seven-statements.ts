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
  transfer(move: Move): Promise<number>
  close(): Promise<void>
}

export interface SevenStatementsOptions {
  readonly serverUrl: string
  readonly accounts: number
  readonly connections: number
  /** Another address of the same database. */
  readonly via?: (url: string) => string
  readonly writing?: Writing
}

/** How the transaction is written. */
export interface Writing {
  /** From the transfer to both accounts, from an entry to its account and its transfer. */
  readonly foreignKeys: boolean
  /** Locks both accounts before the transfer is inserted, and not after. */
  readonly lockFirst: boolean
  /** A statement for each lock and each entry; every write answers its row, as repositories do. */
  readonly rowByRow: boolean
}

/**
 * BEGIN, insert the transfer, lock both accounts in the order of their ids, look at the floor, two
 * updates, one insert of both entries, COMMIT. No foreign keys, which would make this order of work
 * deadlock (LEDGER-03).
 */
export const withCare: Writing = { foreignKeys: false, lockFirst: false, rowByRow: false }

export async function openSevenStatements(
  options: SevenStatementsOptions,
): Promise<SevenStatements> {
  const { serverUrl, accounts, connections, via = (url) => url, writing = withCare } = options
  const database = await createTestDatabase({
    serverUrl,
    migrate: (db) => furnish(db, accounts, writing),
  })
  const entries = plainEntries(database.db, 'plain')
  const ids = await entries.accountIds()
  const pool = openPool(via(database.url), connections)
  const db = kyselyOf<Tables>(pool)
  const post = posting(writing)
  return {
    async transfer({ debit, credit, amountMinor }) {
      const order = { debitId: idAt(ids, debit), creditId: idAt(ids, credit), amountMinor }
      await db.transaction().execute((trx) => post(trx, order))
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

interface Order {
  readonly debitId: string
  readonly creditId: string
  readonly amountMinor: bigint
}

type Post = (trx: Kysely<Tables>, order: Order) => Promise<void>

const posting =
  ({ lockFirst, rowByRow }: Writing): Post =>
  async (trx, order) => {
    const { debitId, creditId, amountMinor } = order
    const id = v7()
    if (!lockFirst) await insertTransfer(trx, id, order, rowByRow)
    const locked = await lock(trx, [debitId, creditId].toSorted(), rowByRow)
    const debit = locked.find((account) => account.id === debitId)
    const credit = locked.find((account) => account.id === creditId)
    if (debit?.currency !== 'USD' || credit?.currency !== 'USD') throw new Error('no such account')
    // The driver gives bigint columns as text.
    const debitAfter = BigInt(debit.balance) - amountMinor
    const creditAfter = BigInt(credit.balance) + amountMinor
    if (debitAfter < BigInt(debit.floor)) throw new Error('insufficient funds')
    if (lockFirst) await insertTransfer(trx, id, order, rowByRow)
    await setBalance(trx, debitId, debitAfter, rowByRow)
    await setBalance(trx, creditId, creditAfter, rowByRow)
    const entries = [
      { transfer_id: id, account_id: debitId, amount: -amountMinor, balance_after: debitAfter },
      { transfer_id: id, account_id: creditId, amount: amountMinor, balance_after: creditAfter },
    ]
    if (!rowByRow) {
      await trx.insertInto('plain.entry').values(entries).execute()
      return
    }
    for (const entry of entries) {
      await trx.insertInto('plain.entry').values(entry).returningAll().executeTakeFirstOrThrow()
    }
  }

async function insertTransfer(
  trx: Kysely<Tables>,
  id: string,
  { debitId, creditId, amountMinor }: Order,
  answer: boolean,
): Promise<void> {
  const insert = trx.insertInto('plain.transfer').values({
    id,
    debit_id: debitId,
    credit_id: creditId,
    amount: amountMinor,
    currency: 'USD',
    code: 'payment',
  })
  await (answer ? insert.returningAll().executeTakeFirstOrThrow() : insert.execute())
}

async function lock(trx: Kysely<Tables>, ids: readonly string[], oneByOne: boolean) {
  const accounts = trx.selectFrom('plain.account').selectAll().forUpdate()
  if (!oneByOne) return accounts.where('id', 'in', ids).orderBy('id').execute()
  const locked = []
  for (const id of ids) locked.push(await accounts.where('id', '=', id).executeTakeFirstOrThrow())
  return locked
}

async function setBalance(
  trx: Kysely<Tables>,
  id: string,
  balance: bigint,
  answer: boolean,
): Promise<void> {
  const update = trx.updateTable('plain.account').set({ balance }).where('id', '=', id)
  await (answer ? update.returningAll().executeTakeFirstOrThrow() : update.execute())
}

async function furnish(db: Kysely<any>, accounts: number, writing: Writing): Promise<void> {
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
  if (writing.foreignKeys) {
    await sql`alter table plain.transfer
      add foreign key (debit_id) references plain.account (id),
      add foreign key (credit_id) references plain.account (id)`.execute(db)
    await sql`alter table plain.entry
      add foreign key (account_id) references plain.account (id),
      add foreign key (transfer_id) references plain.transfer (id)`.execute(db)
  }
  await sql`insert into plain.account (id, currency, floor)
    select gen_random_uuid(), 'USD', -100000000000 from generate_series(1, ${accounts})`.execute(db)
}
