import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** Whether somebody who proved to own the account has used this browser. */
export async function isDeviceKnown(
  db: Kysely<AuthDatabase>,
  accountHash: Buffer,
  deviceHash: Buffer,
): Promise<boolean> {
  const { rows } = await sql`
    select from public.login_guards
    where account_hash = ${accountHash} and device_hash = ${deviceHash}`.execute(db)
  return rows.length === 1
}
