/**
 * Drops every function of the schema but those of triggers and CHECKs, which belong to the tables.
 * By what the catalog lists and not by name, so that no signature of an old release survives beside
 * a new one. But one whose name is not among `ours` is somebody else's: then nothing is dropped.
 */
export const dropFunctions = (s: string, ours: readonly string[]): string => `
do $do$
declare
  v_function regprocedure;
  v_theirs text;
begin
  select string_agg(p.oid::regprocedure::text, ', ' order by p.proname) into v_theirs
  from pg_catalog.pg_proc p
  where ${dropped(s)} and p.proname <> all ('{${ours.join()}}'::name[]);
  if v_theirs is not null then
    raise exception 'functions of schema ${s} are not the ledger''s: %', v_theirs
      using hint = 'Move them to another schema: a migration drops every function of this one.';
  end if;
  for v_function in select p.oid::regprocedure from pg_catalog.pg_proc p
    where ${dropped(s)}
  loop
    execute 'drop function ' || v_function;
  end loop;
end
$do$`

const dropped = (s: string): string => `
  p.pronamespace = '${s}'::regnamespace and p.prorettype <> 'trigger'::regtype
  and not exists (select from pg_catalog.pg_depend d
    where d.classid = 'pg_constraint'::regclass
      and d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid)`
