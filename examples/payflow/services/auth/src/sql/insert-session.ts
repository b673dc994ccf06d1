import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** A session to be stored, with its first refresh token. */
export interface NewSession {
  readonly userId: string
  readonly familyId: string
  readonly tokenHash: Buffer
  readonly refreshTokenS: number
}

/** Stores the session of a login. */
export async function insertSession(db: Kysely<AuthDatabase>, session: NewSession): Promise<void> {
  await sql`
    with family as (
      insert into public.refresh_families (id, user_id)
      values (${session.familyId}, ${session.userId})
    )
    insert into public.refresh_tokens (token_hash, family_id, expires_at)
    values (
      ${session.tokenHash}, ${session.familyId},
      now() + make_interval(secs => ${session.refreshTokenS})
    )`.execute(db)
}
