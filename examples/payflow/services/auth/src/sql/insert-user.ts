import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** A user to be stored, with the session of their first login. */
export interface NewUser {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly passwordHash: string
  readonly currency: string
  readonly familyId: string
  readonly tokenHash: Buffer
  readonly refreshTokenS: number
  readonly client: string
  readonly deviceHash: Buffer
}

/**
 * Stores a user, the wallet owed to them and their first session: all or nothing, in one statement.
 *
 * The wallet's first due date lies two seconds ahead, for the request itself asks for it at once
 * and the background loop need not join in.
 *
 * @throws 23505 on `users_email_key` when the address is taken.
 */
export async function insertUser(trx: Transaction<AuthDatabase>, user: NewUser): Promise<void> {
  await sql`
    with person as (
      insert into public.users (id, email, name, password_hash)
      values (${user.id}, ${user.email}, ${user.name}, ${user.passwordHash})
    ), owed as (
      insert into public.wallet_provisioning (user_id, currency, next_attempt_at)
      values (${user.id}, ${user.currency}, now() + interval '2 seconds')
    ), family as (
      insert into public.refresh_families (id, user_id, client, device_hash)
      values (${user.familyId}, ${user.id}, ${user.client}, ${user.deviceHash})
    )
    insert into public.refresh_tokens (token_hash, family_id, expires_at)
    values (
      ${user.tokenHash}, ${user.familyId}, now() + make_interval(secs => ${user.refreshTokenS})
    )`.execute(trx)
}
