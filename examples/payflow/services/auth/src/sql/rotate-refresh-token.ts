import { sql, type Kysely, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** What a refresh token that came is worth. */
export type Rotation =
  | { readonly outcome: 'rotated'; readonly userId: string }
  /** The token is unknown, expired, or of a session that has ended. */
  | { readonly outcome: 'refused' }
  /** It had been used before: the session has been ended. */
  | { readonly outcome: 'reused'; readonly userId: string }

/** Options of {@link rotateRefreshToken}. */
export interface RotateOptions {
  readonly hash: Buffer
  readonly newHash: Buffer
  readonly refreshTokenS: number
  readonly graceMs: number
}

interface Found {
  readonly familyId: string
  readonly userId: string
  readonly live: boolean
  readonly reused: boolean
}

/**
 * Exchanges a refresh token for its successor, once. One that was used before, longer ago than the
 * grace, is a copy in a thief's hands or the owner's after the thief was faster; nobody can tell
 * which, so the whole session ends.
 */
export async function rotateRefreshToken(
  db: Kysely<AuthDatabase>,
  options: RotateOptions,
): Promise<Rotation> {
  return await db.transaction().execute(async (trx) => {
    const found = await lockSession(trx, options)
    if (!found?.live) return { outcome: 'refused' }
    const { familyId, userId } = found
    if (found.reused) {
      await sql`
        update public.refresh_families
        set revoked_at = now(), revoked_because = 'reuse'
        where id = ${familyId}`.execute(trx)
      return { outcome: 'reused', userId }
    }
    await sql`
      with old as (
        update public.refresh_tokens set used_at = coalesce(used_at, now())
        where token_hash = ${options.hash}
      )
      insert into public.refresh_tokens (token_hash, family_id, expires_at)
      values (
        ${options.newHash}, ${familyId}, now() + make_interval(secs => ${options.refreshTokenS})
      )`.execute(trx)
    return { outcome: 'rotated', userId }
  })
}

/**
 * Locks the session, not the token: rotation, reuse and logout of one session then come one after
 * the other. The first statement only finds the session's id; what is decided upon is read after
 * the lock, for a statement sees the rows as they were when it began.
 */
async function lockSession(
  trx: Transaction<AuthDatabase>,
  { hash, graceMs }: RotateOptions,
): Promise<Found | undefined> {
  await sql`
    select 1 from public.refresh_families
    where id = (select family_id from public.refresh_tokens where token_hash = ${hash})
    for no key update`.execute(trx)
  const { rows } = await sql<Found>`
    select
      family.id as "familyId",
      family.user_id as "userId",
      family.revoked_at is null and token.expires_at > now() as live,
      coalesce(
        token.used_at <= clock_timestamp() - make_interval(secs => ${graceMs}::float8 / 1000),
        false
      ) as reused
    from public.refresh_tokens token
    join public.refresh_families family on family.id = token.family_id
    where token.token_hash = ${hash}`.execute(trx)
  return rows[0]
}
