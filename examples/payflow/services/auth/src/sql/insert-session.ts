import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** A session to be stored, with its first refresh token. */
export interface NewSession {
  readonly userId: string
  /** The version of the password that was looked at. */
  readonly passwordVersion: number
  readonly familyId: string
  readonly tokenHash: Buffer
  readonly refreshTokenS: number
  readonly client: string
  readonly deviceHash: Buffer
}

/**
 * Stores the session of a login; false when the password has been changed since it was looked at.
 *
 * The user's row is locked against a change of the password, which ends all sessions: either the
 * change waits and then finds this session, or this waits and finds the password changed.
 */
export async function insertSession(
  trx: Transaction<AuthDatabase>,
  session: NewSession,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    with person as (
      select id from public.users
      where id = ${session.userId} and password_version = ${session.passwordVersion}
      for share
    ), family as (
      insert into public.refresh_families (id, user_id, client, device_hash)
      select ${session.familyId}::uuid, id, ${session.client}, ${session.deviceHash}::bytea
      from person
      returning id
    )
    insert into public.refresh_tokens (token_hash, family_id, expires_at)
    select ${session.tokenHash}::bytea, id,
      now() + make_interval(secs => ${session.refreshTokenS})
    from family`.execute(trx)
  return numAffectedRows === 1n
}
