/**
 * Triggers of the new tables, and of accounts with their new columns. `refuse_change` is of 0001.
 *
 * History is append-only; the three rows that may change (account, reversal total, book) only move
 * forward. The conditions on rows of every transfer are in functions; see `rules` for what a WHEN costs.
 */
export function guardsOf0003(s: string): readonly string[] {
  const appendOnly = [
    'journal',
    'account_change',
    'sealed_period',
    'checkpoint',
    'checkpoint_leaf',
    'checkpoint_signature',
  ]
  return [
    ...appendOnly.flatMap((table) => [
      statementGuard(s, table, 'update or delete'),
      statementGuard(s, table, 'truncate'),
    ]),
    ...['reversal_total', 'book'].flatMap((table) => [
      statementGuard(s, table, 'delete'),
      statementGuard(s, table, 'truncate'),
    ]),
    `create trigger reversal_total_moves_forward before update on ${s}.reversal_total for each row
  when (new.reversed_minor < old.reversed_minor
    or (new.transfer_id, new.original_minor) is distinct from (old.transfer_id, old.original_minor))
  execute function ${s}.refuse_change()`,
    `create trigger book_moves_forward before update on ${s}.book for each row
  when (new.sealed_until < old.sealed_until)
  execute function ${s}.refuse_change()`,
    ...accountGuard(s),
    ...holdGuard(s),
  ]
}

const statementGuard = (s: string, table: string, events: string): string => `
create trigger ${table}_refuses_${events.replaceAll(' ', '_')} before ${events} on ${s}.${table}
  for each statement execute function ${s}.refuse_change()`

/** A trigger of its own with its condition inside: a WHEN would be read anew for each statement. */
const movesForward = (
  s: string,
  table: string,
  when: 'before' | 'after',
  backward: string,
): readonly string[] => [
  `create function ${s}.${table}_moves_forward() returns trigger language plpgsql as $fn$
begin
  if ${backward}
  then
    raise exception '%.% refuses this %', tg_table_schema, tg_table_name, tg_op
      using errcode = 'LG900',
            hint = 'The ledger is append-only: correct a mistake with a transfer the other way.';
  end if;
  return new;
end
$fn$`,
  `create trigger ${table}_moves_forward ${when} update on ${s}.${table} for each row
  execute function ${s}.${table}_moves_forward()`,
]

// AFTER, not BEFORE: a BEFORE trigger would make PostgreSQL compute the generated column each time.
const accountGuard = (s: string): readonly string[] => [
  // What an account is never changes. Fires for a statement that names one of these columns, so
  // that a movement, which names none, does not compare them.
  `create trigger account_keeps_identity after update of id, part_of, shard, shards, currency, kind,
    created_at on ${s}.account for each row execute function ${s}.refuse_change()`,
  ...movesForward(
    s,
    'account',
    'after',
    `new.posted_debits_minor < old.posted_debits_minor
    or new.posted_credits_minor < old.posted_credits_minor
    or new.seq < old.seq
    or new.recorded_at < old.recorded_at
    or (new.seq = old.seq) <> (new.posted_debits_minor = old.posted_debits_minor
      and new.posted_credits_minor = old.posted_credits_minor)
    or (new.seq = old.seq) <> (new.head = old.head)
    or (old.closed_at is not null and new.closed_at is distinct from old.closed_at)`,
  ),
]

// Until now the hold's guard had a WHEN as well.
const holdGuard = (s: string): readonly string[] => [
  `drop trigger hold_moves_forward on ${s}.hold`,
  ...movesForward(
    s,
    'hold',
    'before',
    `old.state <> 'open'
    or new.captured_minor < old.captured_minor
    or (new.id, new.debit_id, new.credit_id, new.amount_minor, new.currency, new.expires_at,
        new.tombstone)
      is distinct from (old.id, old.debit_id, old.credit_id, old.amount_minor, old.currency,
        old.expires_at, old.tombstone)`,
  ),
]
