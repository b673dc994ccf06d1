import { createTestDatabase } from '@payflow/testkit'
import { type Kysely, sql } from 'kysely'
import type { World } from '../lib/world.ts'
import type { Move } from './moves.ts'
import { count, idAt, openPool, settle } from './ours.ts'
import { fillJournal, plainEntries } from './plain-entries.ts'

/** The two-entry design, idealised. */
export interface TwoEntries extends World {
  /** One named statement of bare `pg`: no wrapper of any kind. */
  transfer(move: Move): Promise<number>
  close(): Promise<void>
}

/**
 * The leanest two-entry ledger that we could write, as a yardstick for the design: it is nobody's
 * product, and no measurement of pgledger (that is `pgledger/rebuilt.ts`). As pgledger it has a
 * transfer row and two entry rows, `numeric` amounts, prefixed text ids made by the server, foreign
 * keys, accounts locked with FOR UPDATE in the order of their ids and one function that answers the
 * transfer as a row of a view. Unlike pgledger it makes an id in one expression, locks both accounts
 * with one statement, takes one transfer and not an array of them, checks limits in place, and has
 * no index on the transfers but that of their ids. It has no replay by id, no holds, no hashes, no
 * append-only guards.
 */
export async function openTwoEntries(
  serverUrl: string,
  accounts: number,
  connections: number,
): Promise<TwoEntries> {
  const database = await createTestDatabase({ serverUrl, migrate: (db) => furnish(db, accounts) })
  const entries = plainEntries(database.db, 'entries2')
  const ids = await entries.accountIds()
  const pool = openPool(database.url, connections)
  return {
    async transfer({ debit, credit, amountMinor }) {
      const { rowCount } = await pool.query({
        name: 'create_transfer',
        text: 'select * from entries2.create_transfer($1, $2, $3, $4)',
        values: [idAt(ids, debit), idAt(ids, credit), amountMinor, '{"code":"payment"}'],
      })
      return rowCount ?? 0
    },
    compared: 'Σ = 0, rows = calls, balances = Σ entries',
    rows: () => count(database.db, 'entries2.transfer'),
    faults: () => entries.unbalanced(),
    settle: () => settle(database.db),
    verify: () => entries.lostUpdates(),
    async close() {
      await pool.end()
      await database.dispose()
    },
  }
}

const tables = [
  'create schema entries2',
  `create function entries2.new_id(p_prefix text) returns text language sql volatile as $fn$
  select p_prefix || '_' || lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
    || substr(replace(gen_random_uuid()::text, '-', ''), 1, 20)
$fn$`,
  `create table entries2.account (
  id text primary key default entries2.new_id('acc'),
  name text not null,
  currency text not null,
  balance numeric not null default 0,
  version bigint not null default 0,
  allow_negative boolean not null,
  allow_positive boolean not null,
  metadata jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
)`,
  `create table entries2.transfer (
  id text primary key default entries2.new_id('tra'),
  from_account_id text not null references entries2.account (id),
  to_account_id text not null references entries2.account (id),
  amount numeric not null check (amount > 0),
  event_at timestamptz not null,
  metadata jsonb,
  created_at timestamptz not null default now(),
  check (from_account_id <> to_account_id)
)`,
  `create table entries2.entry (
  id text primary key default entries2.new_id('ent'),
  account_id text not null references entries2.account (id),
  transfer_id text not null references entries2.transfer (id),
  amount numeric not null,
  balance_before numeric not null,
  balance_after numeric not null,
  account_version bigint not null,
  created_at timestamptz not null default now()
)`,
  'create index on entries2.entry (account_id)',
  'create index on entries2.entry (transfer_id)',
  `create view entries2.transfer_view as
  select id, from_account_id, to_account_id, amount, event_at, metadata, created_at
  from entries2.transfer`,
]

const transferFunction = `
create function entries2.create_transfer(
  p_from text,
  p_to text,
  p_amount numeric,
  p_metadata jsonb default null
) returns setof entries2.transfer_view language plpgsql volatile as $fn$
declare
  v_from entries2.account;
  v_to entries2.account;
  v_transfer_id text;
begin
  if p_amount <= 0 then
    raise exception 'Amount must be positive, not %', p_amount;
  end if;
  perform from entries2.account where id in (p_from, p_to) order by id for update;
  update entries2.account set balance = balance - p_amount, version = version + 1,
    updated_at = now() where id = p_from returning * into v_from;
  update entries2.account set balance = balance + p_amount, version = version + 1,
    updated_at = now() where id = p_to returning * into v_to;
  if v_from.currency <> v_to.currency then
    raise exception 'Cannot transfer between % and %', v_from.currency, v_to.currency;
  end if;
  if (v_from.balance < 0 and not v_from.allow_negative)
    or (v_to.balance > 0 and not v_to.allow_positive)
  then
    raise exception 'Account % or % would break its limit', p_from, p_to;
  end if;
  insert into entries2.transfer (from_account_id, to_account_id, amount, event_at, metadata)
    values (p_from, p_to, p_amount, now(), p_metadata) returning id into v_transfer_id;
  insert into entries2.entry
    (account_id, transfer_id, amount, balance_before, balance_after, account_version)
    values (p_from, v_transfer_id, -p_amount, v_from.balance + p_amount, v_from.balance, v_from.version);
  insert into entries2.entry
    (account_id, transfer_id, amount, balance_before, balance_after, account_version)
    values (p_to, v_transfer_id, p_amount, v_to.balance - p_amount, v_to.balance, v_to.version);
  return query select * from entries2.transfer_view where id = v_transfer_id;
end
$fn$`

async function furnish(db: Kysely<any>, accounts: number): Promise<void> {
  for (const statement of [...tables, transferFunction]) await sql.raw(statement).execute(db)
  await sql`insert into entries2.account (name, currency, allow_negative, allow_positive)
    select 'wallet ' || i, 'USD', true, true from generate_series(1, ${accounts}) i`.execute(db)
  await fillJournal(db, 'entries2')
}
