import { sql, type Kysely } from 'kysely'
import type { AuthDatabase } from '../database.ts'

/** One statement takes no more rows than this. */
const ROWS_MAX = 1_000

/**
 * Deletes counts of strangers' attempts that have lapsed: addresses are made up by the thousand.
 * Skips rows that are being counted in, which have not lapsed any more.
 */
export async function purgeGuards(db: Kysely<AuthDatabase>, lockS: number): Promise<void> {
  await sql`
    delete from public.login_guards
    where (account_hash, device_hash) in (
      select account_hash, device_hash from public.login_guards
      where octet_length(device_hash) = 0
        and attempted_at <= now() - make_interval(secs => ${lockS})
      order by attempted_at limit ${ROWS_MAX}
      for update skip locked
    )`.execute(db)
}
