import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** A wallet that a user was promised and does not have yet. */
export interface OwedWallet {
  readonly userId: string
  readonly currency: string
}

/**
 * Takes the wallets that are due and moves their due date, doubling from one second to a minute:
 * whoever dies with them in hand has merely delayed them.
 *
 * SKIP LOCKED, so that several auth-services share the work instead of queueing for it. The lock
 * ends with the statement; opening a wallet twice is harmless.
 */
export async function claimOwedWallets(
  db: Kysely<AuthDatabase>,
  limit: number,
): Promise<OwedWallet[]> {
  const { rows } = await sql<OwedWallet>`
    update public.wallet_provisioning
    set
      attempts = attempts + 1,
      next_attempt_at = now() + make_interval(secs => least(60, 2 ^ least(attempts, 6)))
    where user_id in (
      select user_id from public.wallet_provisioning
      where provisioned_at is null and next_attempt_at <= now()
      order by next_attempt_at
      limit ${limit}
      for update skip locked
    )
    returning user_id as "userId", currency`.execute(db)
  return rows
}
