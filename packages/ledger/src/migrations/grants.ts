import type { Kysely } from 'kysely'
import { FUNCTION_ACCESS, type Access, VIEWS } from '../sql/access.ts'
import { actAsOwner } from './act-as-owner.ts'
import { quoted } from './create-roles.ts'
import { run } from './record.ts'
import type { RoleNames } from './role-names.ts'

/**
 * Gives the schema and all in it to the owner, and to the other two roles exactly their rights: what
 * they have been granted besides is taken back.
 */
export async function grantRoles(trx: Kysely<any>, s: string, names: RoleNames): Promise<void> {
  await run(trx, giveTo(s, names.owner))
  await actAsOwner(trx, s, async () => {
    for (const statement of grants(s, names)) await run(trx, statement)
  })
}

// The schema goes last: a role that is a member of the owner and does not inherit would lose its way
// in. A sequence that belongs to a column changes hands with its table.
const giveTo = (s: string, owner: string): string => `
do $do$
declare
  v_owner constant oid not null := (select oid from pg_roles where rolname = '${owner}');
  v_schema constant oid not null := '${s}'::regnamespace;
  v_name text;
begin
  if (select nspowner from pg_namespace where oid = v_schema) <> v_owner then
    grant usage, create on schema ${s} to ${quoted(owner)};
  end if;
  for v_name in select 'table ' || c.oid::regclass from pg_class c
    where c.relnamespace = v_schema and c.relowner <> v_owner and c.relkind in ('r', 'p', 'v', 'S')
      and not exists (select from pg_depend d
        where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
          and d.refobjsubid > 0)
    union all
    select 'function ' || p.oid::regprocedure from pg_proc p
    where p.pronamespace = v_schema and p.proowner <> v_owner
  loop
    execute 'alter ' || v_name || ' owner to ${quoted(owner)}';
  end loop;
  if (select nspowner from pg_namespace where oid = v_schema) <> v_owner then
    alter schema ${s} owner to ${quoted(owner)};
  end if;
end
$do$`

function grants(s: string, { app, auditor }: RoleNames): readonly string[] {
  const both = `${quoted(app)}, ${quoted(auditor)}`
  return [
    `revoke all on schema ${s} from public, ${both}`,
    `revoke all on all tables in schema ${s} from public, ${both}`,
    `revoke all on all functions in schema ${s} from public, ${both}`,
    `grant usage on schema ${s} to ${both}`,
    ...VIEWS.map((view) => `grant select on ${s}.${view} to ${both}`),
    execute(s, app, ['verb', 'read']),
    execute(s, auditor, ['read', 'audit']),
  ]
}

const execute = (s: string, role: string, accesses: readonly Access[]): string => {
  const names = Object.entries(FUNCTION_ACCESS).filter(([, access]) => accesses.includes(access))
  return `
do $do$
declare
  v_function regprocedure;
begin
  for v_function in select p.oid::regprocedure from pg_proc p
    where p.pronamespace = '${s}'::regnamespace
      and p.proname in (${names.map(([name]) => `'${name}'`).join(', ')})
  loop
    execute 'grant execute on function ' || v_function || ' to ${quoted(role)}';
  end loop;
end
$do$`
}
