import { USER_SEARCH_ITEMS_MAX, type RecipientView } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** Finds users whose name or e-mail address begins with `query`; never the one who asks. */
export async function searchUsers(
  db: Kysely<AuthDatabase>,
  { query, exceptId }: { readonly query: string; readonly exceptId: string },
): Promise<RecipientView[]> {
  const pattern = `${query.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  const { rows } = await sql<RecipientView>`
    select id, name, email
    from public.users
    where id <> ${exceptId}
      and (lower(email) like lower(${pattern}) or lower(name) like lower(${pattern}))
    order by lower(name), id
    limit ${USER_SEARCH_ITEMS_MAX}`.execute(db)
  return rows
}
