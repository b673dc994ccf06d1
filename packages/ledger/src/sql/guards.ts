import { createHash } from 'node:crypto'
import { guards } from '../migrations/0001-guards.ts'
import { tablesOf0003 } from '../migrations/0003-tables.ts'

type GuardKind = 'trigger' | 'constraint' | 'unique index'

/**
 * What keeps history as it is, by table and name (less the name of the table): what `verify` expects
 * to be in force. A list of its own and not what a migration happens to find, or an upgrade would
 * bless a guard that somebody took away. After the `=`, the digest of what `present_guards` finds it to
 * say. A test compares it with the catalog.
 */
const GUARDS: Readonly<Record<string, Readonly<Record<GuardKind, string>>>> = {
  currency: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=0830c901 code_form=f2c97e5a exponent_range=a7700c54',
    'unique index': 'pkey=a4b1a6cc',
  },
  account: {
    trigger:
      'refuses_delete=cdaaba9f refuses_truncate=7d7d813d moves_forward=b53bc7b9 keeps_identity=63a8bfb1',
    constraint: 'pkey=1d160304 currency_known=60f6f12e sound=3ae315b3',
    'unique index': 'pkey=567fc157 parts=8c40898a',
  },
  account_change: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=7b381522 known=63793548',
    'unique index': 'pkey=98478e37',
  },
  hold: {
    trigger: 'refuses_delete=cdaaba9f refuses_truncate=7d7d813d moves_forward=b84ea6bd',
    constraint: 'pkey=1d160304 sound=b025ca3e',
    'unique index': 'pkey=567fc157',
  },
  transfer: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=1d160304 sound=4ce9b0b7',
    'unique index': 'pkey=567fc157 debit_seq=e9922944 credit_seq=76aeeebb of_journal=2816325b',
  },
  journal: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=1d160304 has_legs=7d63641a',
    'unique index': 'pkey=567fc157',
  },
  reversal_total: {
    trigger: 'refuses_delete=cdaaba9f refuses_truncate=7d7d813d moves_forward=7f347643',
    constraint: 'pkey=9f29e94a within_original=60b2b225',
    'unique index': 'pkey=54f18f00',
  },
  book: {
    trigger: 'refuses_delete=cdaaba9f refuses_truncate=7d7d813d moves_forward=47b0a897',
    constraint: 'pkey=b5b75da3 has_one_row=b1943b5e',
    'unique index': 'pkey=686231cf',
  },
  sealed_period: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=b48943ef',
    'unique index': 'pkey=0a7c939e',
  },
  checkpoint: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=53540f1f no_counts=a085a217',
    'unique index': 'pkey=a36bb36d',
  },
  checkpoint_leaf: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=960ab996',
    'unique index': 'pkey=72284154',
  },
  checkpoint_signature: {
    trigger: 'refuses_update_or_delete=14b5b43e refuses_truncate=7d7d813d',
    constraint: 'pkey=350b2815 key=4894852b length=a5a7b0bf',
    'unique index': 'pkey=70000821',
  },
}

/** Every guard as `present_guards` words it. */
export function guardsMade(s: string): readonly string[] {
  const named = Object.entries(GUARDS).flatMap(([table, kinds]) =>
    Object.entries(kinds).flatMap(([kind, names]) =>
      names.split(' ').map((name) => `${kind} ${table}_${name.replace('=', ' ')}`),
    ),
  )
  // The functions that triggers and CHECKs call, each by what its text says.
  const functions = [...guards(s), ...tablesOf0003(s)].flatMap((statement) => {
    const [, name] = /^\s*create (?:or replace )?function \w+\.(\w+)/.exec(statement) ?? []
    const [, source] = statement.split('$fn$')
    return name === undefined || source === undefined ? [] : [[name, hashOf(source)] as const]
  })
  const noRules = Object.keys(GUARDS).map((table) => `no rule on ${table}`)
  return [...named, ...noRules, ...functions.map(([name, hash]) => `function ${name} ${hash}`)]
}

const hashOf = (source: string): string => createHash('sha256').update(source).digest('hex')

/**
 * The guards that are in force: triggers that are switched on, validated constraints and valid unique
 * indexes, each with a digest of what it says; the text of the functions that triggers and CHECKs
 * call; and that a table has no rule, which would rewrite what is asked of it. The digest leaves out
 * parentheses, spaces and the schema's name, which versions of PostgreSQL and ledgers differ in. The
 * record of migrations is not the ledger's to guard.
 */
export const presentGuardsFunction = (s: string): string => `
create or replace function ${s}.present_guards() returns setof text
language sql stable as $fn$
  select g.guard || coalesce(' ' || left(md5(regexp_replace(regexp_replace(g.says,
    '"?\\m${s}"?\\.(\\w+\\()', '\\1', 'g'), '[()\\s]', '', 'g')), 8), '')
  from pg_catalog.pg_class r
  cross join lateral (
    select 'trigger ' || t.tgname as guard, t.tgtype || ' ' || t.tgattr::text || ' '
      || case p.pronamespace when r.relnamespace then '' else p.pronamespace::regnamespace || '.' end
      || p.proname || ' ' || coalesce(
        substring(pg_get_triggerdef(t.oid) from ' WHEN (.*) EXECUTE FUNCTION '), '') as says
    from pg_catalog.pg_trigger t join pg_catalog.pg_proc p on p.oid = t.tgfoid
    where t.tgrelid = r.oid and not t.tgisinternal and t.tgenabled in ('O', 'A')
    union all
    select 'constraint ' || c.conname, pg_get_constraintdef(c.oid) from pg_catalog.pg_constraint c
    where c.conrelid = r.oid and c.contype in ('c', 'f', 'p', 'u') and c.convalidated
    union all
    select 'unique index ' || x.relname,
      substring(pg_get_indexdef(x.oid) from ' USING .*') from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    where i.indrelid = r.oid and i.indisunique and i.indisvalid
    union all
    select 'no rule on ' || r.relname, null
    where not exists (select from pg_catalog.pg_rewrite w where w.ev_class = r.oid)) g
  where r.relnamespace = '${s}'::regnamespace and r.relkind in ('r', 'p')
    and r.relname not like 'migration%'
  union all
  select 'function ' || p.proname || ' ' || encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
  from pg_catalog.pg_proc p
  where p.pronamespace = '${s}'::regnamespace
    and (p.prorettype = 'trigger'::regtype or p.proname like '%\\_sound')
$fn$`
