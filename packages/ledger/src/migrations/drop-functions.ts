/**
 * Drops every function of the schema but those of triggers, which tables of earlier migrations need.
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
  loop
    execute 'drop function ' || v_function;
  end loop;
end
$do$`
