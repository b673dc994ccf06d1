import type { Kysely } from 'kysely'
import { run } from './record.ts'

/**
 * The lock that Kysely's Migrator takes: also the first release of this package, which migrated with
 * one, waits for us and we for it.
 */
const LOCK = '3853314791062309107'

/** Waits for other migrations however long they take: the caller's `lock_timeout` is for tables. */
export async function lockMigrations(trx: Kysely<any>): Promise<void> {
  const { rows } = await run<{ before: string }>(
    trx,
    "select current_setting('lock_timeout') as before",
  )
  await run(trx, 'set local lock_timeout = 0')
  await run(trx, `select pg_advisory_xact_lock(${LOCK})`)
  await run(trx, "select set_config('lock_timeout', $1, true)", [rows[0]?.before])
}
