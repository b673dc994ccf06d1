import type { ContactView } from '@payflow-app/contracts'
import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** Where mail to these users goes, in no order; who is not there is left out. */
export async function findContacts(
  db: Kysely<AuthDatabase>,
  ids: readonly string[],
): Promise<ContactView[]> {
  const { rows } = await sql<ContactView>`
    select id as "userId", email, name from public.users
    where id = any(${ids}::uuid[])`.execute(db)
  return rows
}
