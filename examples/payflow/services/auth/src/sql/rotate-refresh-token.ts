import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'
import { successorOf } from '../secret-token.ts'

/** What a refresh token that came is worth. */
export type Rotation =
  | {
      readonly outcome: 'rotated'
      readonly userId: string
      readonly sessionId: string
      /** Together with the token that came, it makes the successor. */
      readonly salt: Buffer
    }
  /** The token is unknown, expired, of a session that has ended, or its answer has arrived. */
  | { readonly outcome: 'refused' }
  /** It had been used before: the session has been ended. */
  | { readonly outcome: 'reused'; readonly userId: string; readonly sessionId: string }

/** Options of {@link rotateRefreshToken}. */
export interface RotateOptions {
  readonly token: string
  readonly hash: Buffer
  /** Of the browser that sent it; null when it sent none. */
  readonly deviceHash: Buffer | null
  /** Makes the successor, if there is none yet. */
  readonly salt: Buffer
  readonly refreshTokenS: number
  readonly graceMs: number
}

interface Found {
  readonly sessionId: string
  readonly userId: string
  readonly live: boolean
  readonly used: boolean
  /** It was used a moment ago, by the same browser. */
  readonly graced: boolean
  readonly salt: Buffer | null
}

/**
 * Exchanges a refresh token for its successor, which is always the same one. A token that comes again
 * within the grace, from the same browser, is a repetition whose first answer got lost. One that
 * comes later, or from elsewhere, is a copy in a thief's hands or the owner's after the thief was
 * faster; nobody can tell which, so the whole session ends.
 */
export async function rotateRefreshToken(
  trx: Transaction<AuthDatabase>,
  options: RotateOptions,
): Promise<Rotation> {
  const found = await lockSession(trx, options)
  if (!found?.live) return { outcome: 'refused' }
  const { sessionId, userId } = found
  const { salt } = options
  if (!found.used) {
    await insertSuccessor(trx, options, sessionId)
    return { outcome: 'rotated', userId, sessionId, salt }
  }
  if (!found.graced) {
    await sql`
        update public.refresh_families
        set revoked_at = now(), revoked_because = 'reuse'
        where id = ${sessionId}`.execute(trx)
    return { outcome: 'reused', userId, sessionId }
  }
  // Whoever has used the successor has had the answer: this is no repetition, and gets nothing.
  const isLost = found.salt !== null && (await isUnused(trx, options.token, found.salt))
  if (found.salt === null || !isLost) return { outcome: 'refused' }
  return { outcome: 'rotated', userId, sessionId, salt: found.salt }
}

/**
 * Locks the session, not the token: rotation, reuse and logout of one session then come one after
 * the other. The first statement only finds the session's id; what is decided upon is read after
 * the lock, for a statement sees the rows as they were when it began.
 */
async function lockSession(
  trx: Transaction<AuthDatabase>,
  { hash, graceMs, deviceHash }: RotateOptions,
): Promise<Found | undefined> {
  await sql`
    select 1 from public.refresh_families
    where id = (select family_id from public.refresh_tokens where token_hash = ${hash})
    for no key update`.execute(trx)
  const { rows } = await sql<Found>`
    select
      family.id as "sessionId",
      family.user_id as "userId",
      family.revoked_at is null and token.expires_at > clock_timestamp() as live,
      token.used_at is not null as used,
      coalesce(
        token.used_at > clock_timestamp() - make_interval(secs => ${graceMs}::float8 / 1000),
        false
      ) and family.device_hash is not distinct from ${deviceHash}::bytea as graced,
      token.successor_salt as salt
    from public.refresh_tokens token
    join public.refresh_families family on family.id = token.family_id
    where token.token_hash = ${hash}`.execute(trx)
  return rows[0]
}

async function insertSuccessor(
  trx: Transaction<AuthDatabase>,
  { token, hash, salt, refreshTokenS }: RotateOptions,
  sessionId: string,
): Promise<void> {
  await sql`
    with old as (
      update public.refresh_tokens
      set used_at = clock_timestamp(), successor_salt = ${salt}
      where token_hash = ${hash}
    )
    insert into public.refresh_tokens (token_hash, family_id, issued_at, expires_at)
    values (
      ${successorOf(token, salt).hash}, ${sessionId}, clock_timestamp(),
      clock_timestamp() + make_interval(secs => ${refreshTokenS})
    )`.execute(trx)
}

async function isUnused(
  trx: Transaction<AuthDatabase>,
  token: string,
  salt: Buffer,
): Promise<boolean> {
  const { rows } = await sql`
    select from public.refresh_tokens
    where token_hash = ${successorOf(token, salt).hash} and used_at is null`.execute(trx)
  return rows.length === 1
}
