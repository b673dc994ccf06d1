/**
 * Drops every function of the schema but those of triggers and CHECKs, which belong to the tables.
 * By what the catalog lists and not by name, so that no signature of an old release survives beside
 * a new one.
 */
export const dropFunctions = (s: string): string => `
do $do$
declare
  v_function regprocedure;
begin
  for v_function in select p.oid::regprocedure from pg_catalog.pg_proc p
    where p.pronamespace = '${s}'::regnamespace and p.prorettype <> 'trigger'::regtype
      and not exists (select from pg_catalog.pg_depend d
        where d.classid = 'pg_constraint'::regclass
          and d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid)
  loop
    execute 'drop function ' || v_function;
  end loop;
end
$do$`
