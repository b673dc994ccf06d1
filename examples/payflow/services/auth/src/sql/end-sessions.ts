import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** Why sessions end before their time. */
export type SessionEnd = Exclude<AuthDatabase['refresh_families']['revoked_because'], null>

/** A session that has been ended. */
export interface EndedSession {
  readonly id: string
  readonly userId: string
}

/** Ends the session that a refresh token belongs to; undefined when it has ended, or never was. */
export async function endSessionOf(
  db: Kysely<AuthDatabase>,
  hash: Buffer,
): Promise<EndedSession | undefined> {
  const { rows } = await sql<EndedSession>`
    update public.refresh_families
    set revoked_at = now(), revoked_because = 'logout'
    where id = (select family_id from public.refresh_tokens where token_hash = ${hash})
      and revoked_at is null
    returning id, user_id as "userId"`.execute(db)
  return rows[0]
}

/** Which of a user's sessions {@link endSessions} ends. */
export interface EndSessionsOptions {
  readonly userId: string
  readonly because: SessionEnd
  /** This one only. */
  readonly onlyId?: string
  /** All but this one. */
  readonly exceptId?: string
}

/** Ends sessions of a user; returns how many. */
export async function endSessions(
  db: Kysely<AuthDatabase>,
  { userId, because, onlyId, exceptId }: EndSessionsOptions,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    update public.refresh_families
    set revoked_at = now(), revoked_because = ${because}
    where user_id = ${userId} and revoked_at is null
      ${onlyId === undefined ? sql`` : sql`and id = ${onlyId}`}
      ${exceptId === undefined ? sql`` : sql`and id <> ${exceptId}`}`.execute(db)
  return Number(numAffectedRows)
}
