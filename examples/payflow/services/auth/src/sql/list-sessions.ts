import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** A session that goes on. */
export interface LiveSession {
  readonly id: string
  readonly createdAt: Date
  readonly lastUsedAt: Date
  readonly client: string
}

/** More are not listed; nobody has so many, but a program may log in every minute. */
const SESSIONS_LISTED_MAX = 100

/** A user's sessions that have not ended, the one that was used last first. */
export async function listSessions(
  db: Kysely<AuthDatabase>,
  userId: string,
): Promise<LiveSession[]> {
  const { rows } = await sql<LiveSession>`
    select family.id, family.created_at as "createdAt", family.client,
      token.issued_at as "lastUsedAt"
    from public.refresh_families family
    cross join lateral (
      select max(issued_at) as issued_at, max(expires_at) as expires_at
      from public.refresh_tokens where family_id = family.id
    ) token
    where family.user_id = ${userId} and family.revoked_at is null and token.expires_at > now()
    order by token.issued_at desc, family.id
    limit ${SESSIONS_LISTED_MAX}`.execute(db)
  return rows
}

/** Whether a session of this user has not been ended. */
export async function isSessionLive(
  db: Kysely<AuthDatabase>,
  { userId, sessionId }: { readonly userId: string; readonly sessionId: string },
): Promise<boolean> {
  const { rows } = await sql`
    select from public.refresh_families
    where id = ${sessionId} and user_id = ${userId} and revoked_at is null`.execute(db)
  return rows.length === 1
}
