import { sql, type Transaction } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** More browsers of one account are not known; the one that was used least recently goes. */
const DEVICES_MAX = 20

/** Notes that somebody who proved to own the account uses this browser. Starts its count anew. */
export async function rememberDevice(
  trx: Transaction<AuthDatabase>,
  accountHash: Buffer,
  deviceHash: Buffer,
): Promise<void> {
  await sql`
    insert into public.login_guards (account_hash, device_hash)
    values (${accountHash}, ${deviceHash})
    on conflict (account_hash, device_hash)
    do update set attempts = 0, attempted_at = now()`.execute(trx)
  await sql`
    delete from public.login_guards
    where (account_hash, device_hash) in (
      select account_hash, device_hash from public.login_guards
      where account_hash = ${accountHash} and octet_length(device_hash) > 0
      order by attempted_at desc offset ${DEVICES_MAX}
    )`.execute(trx)
}
