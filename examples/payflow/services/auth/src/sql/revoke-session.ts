import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** Ends the session a refresh token belongs to. Does nothing when it has ended, or never was. */
export async function revokeSession(db: Kysely<AuthDatabase>, hash: Buffer): Promise<void> {
  await sql`
    update public.refresh_families
    set revoked_at = now(), revoked_because = 'logout'
    where id = (select family_id from public.refresh_tokens where token_hash = ${hash})
      and revoked_at is null`.execute(db)
}
