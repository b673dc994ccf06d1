import { createHash } from 'node:crypto'
import { guards } from '../migrations/0001-guards.ts'
import { tablesOf0003 } from '../migrations/0003-tables.ts'

type GuardKind = 'trigger' | 'constraint' | 'unique index'

/**
 * What keeps history as it is, by table and name (less the name of the table): what `verify` expects
 * to be in force. A list of its own and not what a migration happens to find, or an upgrade would
 * bless a guard that somebody took away. A test compares it with the catalog.
 */
const GUARDS: Readonly<Record<string, Readonly<Record<GuardKind, string>>>> = {
  currency: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey code_form exponent_range',
    'unique index': 'pkey',
  },
  account: {
    trigger: 'refuses_delete refuses_truncate moves_forward',
    constraint: 'pkey currency_known sound',
    'unique index': 'pkey parts',
  },
  account_change: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey known',
    'unique index': 'pkey',
  },
  hold: {
    trigger: 'refuses_delete refuses_truncate moves_forward',
    constraint: 'pkey sound',
    'unique index': 'pkey',
  },
  transfer: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey sound',
    'unique index': 'pkey debit_seq credit_seq of_journal',
  },
  journal: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey has_legs',
    'unique index': 'pkey',
  },
  reversal_total: {
    trigger: 'refuses_delete refuses_truncate moves_forward',
    constraint: 'pkey within_original',
    'unique index': 'pkey',
  },
  book: {
    trigger: 'refuses_delete refuses_truncate moves_forward',
    constraint: 'pkey has_one_row',
    'unique index': 'pkey',
  },
  sealed_period: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey',
    'unique index': 'pkey',
  },
  checkpoint: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey no_counts',
    'unique index': 'pkey',
  },
  checkpoint_leaf: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey',
    'unique index': 'pkey',
  },
  checkpoint_signature: {
    trigger: 'refuses_update_or_delete refuses_truncate',
    constraint: 'pkey key',
    'unique index': 'pkey',
  },
}

/** Every guard as `present_guards` words it. */
export function guardsMade(s: string): readonly string[] {
  const named = Object.entries(GUARDS).flatMap(([table, kinds]) =>
    Object.entries(kinds).flatMap(([kind, names]) =>
      names.split(' ').map((name) => `${kind} ${table}_${name}`),
    ),
  )
  // The functions that triggers and CHECKs call, each by what its text says.
  const functions = [...guards(s), ...tablesOf0003(s)].flatMap((statement) => {
    const [, name] = /^\s*create (?:or replace )?function \w+\.(\w+)/.exec(statement) ?? []
    const [, source] = statement.split('$fn$')
    return name === undefined || source === undefined ? [] : [[name, hashOf(source)] as const]
  })
  return [...named, ...functions.map(([name, hash]) => `function ${name} ${hash}`)]
}

const hashOf = (source: string): string => createHash('sha256').update(source).digest('hex')

/**
 * The guards that are in force: triggers that are switched on, validated constraints, valid unique
 * indexes, and the text of the functions that triggers and CHECKs call. Constraints by name only:
 * another version of PostgreSQL prints the same expression differently. The record of migrations is not the ledger's to guard.
 */
export const presentGuardsFunction = (s: string): string => `
create or replace function ${s}.present_guards() returns setof text
language sql stable as $fn$
  select g.guard from pg_catalog.pg_class r
  cross join lateral (
    select 'trigger ' || t.tgname as guard from pg_catalog.pg_trigger t
    where t.tgrelid = r.oid and not t.tgisinternal and t.tgenabled in ('O', 'A')
    union all
    select 'constraint ' || c.conname from pg_catalog.pg_constraint c
    where c.conrelid = r.oid and c.contype in ('c', 'f', 'p', 'u') and c.convalidated
    union all
    select 'unique index ' || x.relname from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    where i.indrelid = r.oid and i.indisunique and i.indisvalid) g
  where r.relnamespace = '${s}'::regnamespace and r.relkind in ('r', 'p')
    and r.relname not like 'migration%'
  union all
  select 'function ' || p.proname || ' ' || encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
  from pg_catalog.pg_proc p
  where p.pronamespace = '${s}'::regnamespace
    and (p.prorettype = 'trigger'::regtype or p.proname like '%\\_sound')
$fn$`
