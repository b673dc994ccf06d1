import { sql, type Kysely, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/**
 * So many links of one user are good at a time. No more mails are sent while they are: nobody's
 * inbox can be filled, and no stranger's wish makes the link in the owner's hand worthless.
 */
const LIVE_MAX = 3

/**
 * Stores a token; undefined when enough are good already. The user's row is locked, so that of many
 * wishes at once each counts the tokens of those before it.
 */
export async function insertResetToken(
  trx: Transaction<AuthDatabase>,
  token: { readonly userId: string; readonly hash: Buffer; readonly lifeS: number },
): Promise<{ readonly expiresAt: Date } | undefined> {
  const { userId, hash, lifeS } = token
  await sql`select from public.users where id = ${userId} for no key update`.execute(trx)
  const { rows } = await sql<{ expiresAt: Date }>`
    insert into public.reset_tokens (token_hash, user_id, expires_at)
    select ${hash}::bytea, ${userId}::uuid, clock_timestamp() + make_interval(secs => ${lifeS})
    where ${LIVE_MAX} > (
      select count(*) from public.reset_tokens
      where user_id = ${userId} and spent_at is null and expires_at > clock_timestamp()
    )
    returning expires_at as "expiresAt"`.execute(trx)
  return rows[0]
}

/** Whether a token is good now. Cheap: it is asked before anything is hashed. */
export async function isResetTokenLive(db: Kysely<AuthDatabase>, hash: Buffer): Promise<boolean> {
  const { rows } = await sql`
    select from public.reset_tokens
    where token_hash = ${hash} and spent_at is null
      and expires_at > clock_timestamp()`.execute(db)
  return rows.length === 1
}

/**
 * Spends a token; the user it was mailed to, or undefined when it is not good. Of many that come at
 * once with one token, one gets the row and the others wait for it and find it spent.
 */
export async function spendResetToken(
  trx: Transaction<AuthDatabase>,
  hash: Buffer,
): Promise<string | undefined> {
  const { rows } = await sql<{ userId: string }>`
    update public.reset_tokens set spent_at = now()
    where token_hash = ${hash} and spent_at is null and expires_at > clock_timestamp()
    returning user_id as "userId"`.execute(trx)
  return rows[0]?.userId
}

/** Makes all tokens of a user worthless. */
export async function spendResetTokensOf(
  trx: Transaction<AuthDatabase>,
  userId: string,
): Promise<void> {
  await sql`
    update public.reset_tokens set spent_at = now()
    where user_id = ${userId} and spent_at is null`.execute(trx)
}
