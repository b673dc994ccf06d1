/**
 * What keeps history as it is, by name: triggers that are switched on, validated constraints, unique
 * indexes, and the text of the functions that triggers and CHECKs call. The migration writes down the list as it made
 * it; `verify` compares. So no list has to be kept by hand, and another version of PostgreSQL, which
 * prints an expression differently, makes no finding.
 */
export const guardFunctions = (s: string): readonly string[] => [presentGuards(s), madeGuards(s)]

// The record of migrations is not the ledger's to guard: Kysely makes it, where it is told to.
const presentGuards = (s: string): string => `
create or replace function ${s}.present_guards() returns setof text
language sql stable as $fn$
  select g.guard from pg_catalog.pg_class r
  cross join lateral (
    select 'trigger ' || r.relname || '.' || t.tgname as guard from pg_catalog.pg_trigger t
    where t.tgrelid = r.oid and not t.tgisinternal and t.tgenabled in ('O', 'A')
    union all
    select 'constraint ' || r.relname || '.' || c.conname from pg_catalog.pg_constraint c
    where c.conrelid = r.oid and c.contype in ('c', 'f', 'p', 'u') and c.convalidated
    union all
    select 'unique index ' || r.relname || '.' || x.relname from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    where i.indrelid = r.oid and i.indisunique and i.indisvalid) g
  where r.relnamespace = '${s}'::regnamespace and r.relkind in ('r', 'p')
    and r.relname not like 'migration%'
  union all
  select 'function ' || p.proname || ' ' || md5(p.prosrc) from pg_catalog.pg_proc p
  where p.pronamespace = '${s}'::regnamespace
    and (p.prorettype = 'trigger'::regtype or p.proname like '%\\_sound')
$fn$`

const madeGuards = (s: string): string => `
do $do$
begin
  execute format('create or replace function ${s}.made_guards() returns setof text
    language sql immutable as %L', format('select unnest(%L::text[])',
      (select array_agg(guard order by guard) from ${s}.present_guards() guard)));
end
$do$`
