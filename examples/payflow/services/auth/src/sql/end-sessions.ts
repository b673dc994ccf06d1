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
  /** All but this one, which from now on is that of a browser with this hash. */
  readonly kept?: { readonly id: string; readonly deviceHash: Buffer }
}

/**
 * Ends sessions of a user; returns how many. They are locked in the order of their ids, the one that
 * is kept among them: two that end several sessions of one user cannot wait for each other.
 */
export async function endSessions(
  db: Kysely<AuthDatabase>,
  { userId, because, onlyId, kept }: EndSessionsOptions,
): Promise<number> {
  const isKept = kept === undefined ? sql`false` : sql`id = ${kept.id}`
  const { rows } = await sql<{ ended: number }>`
    with locked as materialized (
      select id from public.refresh_families
      where user_id = ${userId} and revoked_at is null
        ${onlyId === undefined ? sql`` : sql`and id = ${onlyId}`}
      order by id
      for no key update
    ), touched as (
      update public.refresh_families
      set
        revoked_at = case when ${isKept} then null else now() end,
        revoked_because = case when ${isKept} then null else ${because}::text end,
        device_hash = case when ${isKept} then ${kept?.deviceHash ?? null}::bytea else device_hash end
      where id in (select id from locked)
      returning revoked_at
    )
    select count(revoked_at)::int as ended from touched`.execute(db)
  return rows[0]?.ended ?? 0
}
