import type { Kysely } from 'kysely'
import { run } from './record.ts'

/**
 * Does the work as the role that owns the schema, where the current role is another and may become
 * it: after the first migration that is `<schema>_owner`, so that all that later migrations create is
 * its own. By SET ROLE rather than by inherited rights: a role may be a member without inheriting.
 */
export async function actAsOwner<T>(
  trx: Kysely<any>,
  s: string,
  work: () => Promise<T>,
): Promise<T> {
  const { rows } = await run<{ owner: string; before: string }>(
    trx,
    `select rolname as owner, current_setting('role') as before
    from pg_namespace join pg_roles on pg_roles.oid = nspowner
    where nspname = $1 and rolname <> current_user and ${maySetRole('rolname')}`,
    [s],
  )
  const other = rows[0]
  if (other !== undefined) await setRole(trx, other.owner)
  const result = await work()
  // Whoever called us goes on as who they were. After an error the rollback does it.
  if (other !== undefined) await setRole(trx, other.before)
  return result
}

const setRole = (trx: Kysely<any>, role: string): Promise<unknown> =>
  run(trx, "select set_config('role', $1, true)", [role])

/** SQL: whether the current role may SET ROLE to the one named. Before 16 every member may. */
export const maySetRole = (name: string): string => `pg_has_role(${name}, case
    when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)`
