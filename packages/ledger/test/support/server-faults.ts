import { sql } from 'kysely'
import type { Executor } from '../../src/index.ts'

/**
 * An error that PostgreSQL itself raises under a write: an SQLSTATE; `cancel`, what a cancel request
 * does (57014); `kill`, what pg_terminate_backend does (57P01 and the end of the connection).
 */
export type Strike = '40001' | '40P01' | '55P03' | '57014' | 'cancel' | 'kill'

/** The write it strikes: of a table, of `any` table first, or the `commit`, after all of them. */
export type StrikeAt = 'any' | 'account' | 'transfer' | 'hold' | 'commit'

const TABLES = ['account', 'transfer', 'hold'] as const

/**
 * Puts triggers on the tables of the ledger that strike when a session asks for it. Sessions that do
 * not ask pay for one comparison a statement. Only for databases of tests.
 */
export async function installServerFaults(db: Executor): Promise<void> {
  await sql`create schema fault`.execute(db)
  // Definer, because the ledger's own functions may run as a role that may not end a backend.
  await sql`
create function fault.strike() returns trigger language plpgsql security definer as $fn$
declare
  v_what text := split_part(current_setting('fault.armed'), '@', 1);
begin
  if v_what = 'kill' then
    perform pg_terminate_backend(pg_backend_pid());
    perform pg_sleep(60); -- it ends here, at the next look for signals
  elsif v_what = 'cancel' then
    perform pg_cancel_backend(pg_backend_pid());
    perform pg_sleep(60);
  end if;
  raise exception 'struck on purpose' using errcode = v_what;
end
$fn$`.execute(db)
  for (const table of TABLES) {
    const on = sql.raw(`ledger.${table}`)
    await sql`
create trigger struck before insert or update on ${on} for each statement
  when (current_setting('fault.armed', true) like any (array['%@any', ${sql.lit(`%@${table}`)}]))
  execute function fault.strike()`.execute(db)
    // A deferred trigger fails the COMMIT, as a serialization failure under SERIALIZABLE does.
    await sql`
create constraint trigger struck_at_commit after insert or update on ${on}
  deferrable initially deferred for each row
  when (current_setting('fault.armed', true) like '%@commit')
  execute function fault.strike()`.execute(db)
  }
}

/** Writes of this session are struck from now on. `local`: until the end of the transaction. */
export async function armStrike(
  db: Executor,
  strike: Strike,
  at: StrikeAt,
  local = false,
): Promise<void> {
  await sql`select set_config('fault.armed', ${`${strike}@${at}`}, ${local})`.execute(db)
}

/** Writes of this session are struck no more. */
export async function disarmStrike(db: Executor): Promise<void> {
  await sql`select set_config('fault.armed', '', false)`.execute(db)
}
