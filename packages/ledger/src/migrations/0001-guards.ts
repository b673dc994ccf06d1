/**
 * Triggers that keep history as it is, for every role that does not switch triggers off (only the
 * owner and superusers can; `verify` is for them).
 *
 * Journal rows refuse UPDATE, DELETE and TRUNCATE. Holds and accounts cannot disappear; a hold that
 * is settled stays settled; an account's counters only grow, and posted ones only together with its
 * sequence, so that an UPDATE by hand stands out. The conditions are WHEN clauses: a lawful update
 * calls nothing.
 */
export function guards(s: string): readonly string[] {
  return [
    refuse(s),
    statementGuard(s, 'transfer', 'update or delete'),
    statementGuard(s, 'transfer', 'truncate'),
    statementGuard(s, 'hold', 'delete'),
    statementGuard(s, 'hold', 'truncate'),
    statementGuard(s, 'account', 'delete'),
    statementGuard(s, 'account', 'truncate'),
    statementGuard(s, 'currency', 'update or delete'),
    statementGuard(s, 'currency', 'truncate'),
    holdGuard(s),
    accountGuard(s),
  ]
}

const refuse = (s: string): string => `
create function ${s}.refuse_change() returns trigger language plpgsql as $fn$
begin
  raise exception '%.% refuses this %', tg_table_schema, tg_table_name, tg_op
    using errcode = 'LG900',
          hint = 'The ledger is append-only: correct a mistake with a transfer the other way.';
end
$fn$`

const statementGuard = (s: string, table: string, events: string): string => `
create trigger ${table}_refuses_${events.replaceAll(' ', '_')} before ${events} on ${s}.${table}
  for each statement execute function ${s}.refuse_change()`

const holdGuard = (s: string): string => `
create trigger hold_moves_forward before update on ${s}.hold for each row
  when (old.state <> 'open'
    or new.captured_minor < old.captured_minor
    or (new.id, new.debit_id, new.credit_id, new.amount_minor, new.currency, new.expires_at,
        new.tombstone)
      is distinct from (old.id, old.debit_id, old.credit_id, old.amount_minor, old.currency,
        old.expires_at, old.tombstone))
  execute function ${s}.refuse_change()`

// AFTER, not BEFORE: a BEFORE trigger would make PostgreSQL compute the generated column each time.
const accountGuard = (s: string): string => `
create trigger account_moves_forward after update on ${s}.account for each row
  when (new.posted_debits_minor < old.posted_debits_minor
    or new.posted_credits_minor < old.posted_credits_minor
    or new.seq < old.seq
    or (new.seq = old.seq) <> (new.posted_debits_minor = old.posted_debits_minor
      and new.posted_credits_minor = old.posted_credits_minor)
    or (new.id, new.currency, new.kind, new.created_at)
      is distinct from (old.id, old.currency, old.kind, old.created_at))
  execute function ${s}.refuse_change()`
