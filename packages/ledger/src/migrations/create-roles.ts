import type { Kysely } from 'kysely'
import { LedgerError } from '../errors.ts'
import { maySetRole } from './act-as-owner.ts'
import { run } from './record.ts'
import type { RoleNames } from './role-names.ts'

/**
 * Creates the roles that are missing, and makes the current role a member of the owner, which the
 * next migration needs: unless it is a superuser, may become the owner already, or is the owner.
 *
 * Two databases of a cluster may be migrated at once. Nothing locks both (advisory locks are a
 * database's own), so losing the race to create a role or a membership is caught and is as good.
 *
 * @throws {@link LedgerError} `LEDGER_ROLES_NEEDED` with the SQL that somebody else has to run.
 */
export async function createRoles(trx: Kysely<any>, s: string, names: RoleNames): Promise<void> {
  const needed: string[] = []
  const { me, mayCreate, missing } = await lookUp(trx, names)
  for (const name of missing) {
    const statement = `create role ${quoted(name)} nologin`
    if (mayCreate) await run(trx, unlessDone(statement, 'duplicate_object or unique_violation'))
    else needed.push(statement)
  }
  if (!(await becomesOwner(trx, names.owner))) {
    const statement = `grant ${quoted(names.owner)} to ${quoted(me)}`
    // Who lacks the right to grant it is told so below.
    await run(
      trx,
      unlessDone(statement, 'unique_violation or undefined_object or insufficient_privilege'),
    )
    if (!(await becomesOwner(trx, names.owner))) needed.push(statement)
  }
  const database = await lacksCreateOn(trx, s, names.owner)
  if (database !== undefined) {
    needed.push(`grant create on database ${quoted(database)} to ${quoted(me)}`)
  }
  if (needed.length > 0) throw rolesNeeded(s, me, needed)
}

async function lookUp(
  trx: Kysely<any>,
  names: RoleNames,
): Promise<{ me: string; mayCreate: boolean; missing: string[] }> {
  const { rows } = await run<{ me: string; may_create: boolean; missing: string[] }>(
    trx,
    `select rolname as me, rolsuper or rolcreaterole as may_create,
      array(select name from unnest($1::text[]) with ordinality as n (name, place)
        where not exists (select from pg_roles where rolname = name) order by place) as missing
    from pg_roles where rolname = current_user`,
    [[names.owner, names.app, names.auditor]],
  )
  const { me = '', may_create: mayCreate = false, missing = [] } = rows[0] ?? {}
  return { me, mayCreate, missing }
}

async function becomesOwner(trx: Kysely<any>, owner: string): Promise<boolean> {
  const { rows } = await run(
    trx,
    `select from pg_roles where rolname = $1 and (rolname = current_user or ${maySetRole('rolname')})`,
    [owner],
  )
  return rows.length > 0
}

/** To give a schema away one needs CREATE on the database; as to make one. */
async function lacksCreateOn(
  trx: Kysely<any>,
  s: string,
  owner: string,
): Promise<string | undefined> {
  const { rows } = await run<{ database: string }>(
    trx,
    `select current_database() as database
    where not has_database_privilege(current_database(), 'create')
      and not exists (select from pg_namespace join pg_roles on pg_roles.oid = nspowner
        where nspname = $1 and rolname = $2)`,
    [s, owner],
  )
  return rows[0]?.database
}

const unlessDone = (statement: string, conditions: string): string => `
do $do$ begin ${statement}; exception when ${conditions} then null; end $do$`

/** @internal */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

function rolesNeeded(s: string, me: string, statements: readonly string[]): LedgerError {
  const sql = statements.map((statement) => `  ${statement};`).join('\n')
  return new LedgerError(
    'LEDGER_ROLES_NEEDED',
    `${me} may not set up the roles of schema ${s}. Let a superuser run in this database\n${sql}\n` +
      "and migrate again. Or name roles of your own by the option `roles`, or pass roles: 'none'",
  )
}
