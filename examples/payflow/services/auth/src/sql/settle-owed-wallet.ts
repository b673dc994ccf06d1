import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** Records that a user's wallet exists. */
export async function markWalletOpened(db: Kysely<AuthDatabase>, userId: string): Promise<void> {
  await sql`
    update public.wallet_provisioning
    set provisioned_at = now(), last_error = null
    where user_id = ${userId} and provisioned_at is null`.execute(db)
}

/** Records why a wallet could not be opened this time. */
export async function markWalletDelayed(
  db: Kysely<AuthDatabase>,
  userId: string,
  reason: string,
): Promise<void> {
  await sql`
    update public.wallet_provisioning
    set last_error = ${reason.slice(0, 500)}
    where user_id = ${userId} and provisioned_at is null`.execute(db)
}
