import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** What {@link setPassword} writes. */
export interface NewPassword {
  readonly userId: string
  readonly passwordHash: string
  /** Only while it is this one; @defaultValue whichever it is */
  readonly passwordVersion?: number
}

/**
 * Gives a user another password; returns when, or undefined when it is not the one it was taken for any more. Locks the
 * user's row until the commit, so whoever ends sessions after it finds those of every login that
 * looked at the old password.
 */
export async function setPassword(
  trx: Transaction<AuthDatabase>,
  { userId, passwordHash, passwordVersion }: NewPassword,
): Promise<Date | undefined> {
  const { rows } = await sql<{ changedAt: Date }>`
    update public.users
    set password_hash = ${passwordHash}, password_version = password_version + 1,
      password_changed_at = now()
    where id = ${userId}
      ${passwordVersion === undefined ? sql`` : sql`and password_version = ${passwordVersion}`}
    returning password_changed_at as "changedAt"`.execute(trx)
  return rows[0]?.changedAt
}

/** Stores the same password at another cost, unless it has been changed meanwhile. */
export async function storeRehashed(
  trx: Transaction<AuthDatabase>,
  { userId, passwordHash, passwordVersion }: Required<NewPassword>,
): Promise<void> {
  await sql`
    update public.users set password_hash = ${passwordHash}
    where id = ${userId} and password_version = ${passwordVersion}`.execute(trx)
}
