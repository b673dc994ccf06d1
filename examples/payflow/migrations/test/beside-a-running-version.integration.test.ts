/*
 * Goal: migrations run beside the version that is at work, and that version may come back.
 * Method: databases of an older and of a newer version; a login that has written its first table
 * when the migration comes.
 */
import { migrateQueue } from '@payflow/queue'
import { createTestDatabase, waitFor, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { applyScripts } from '../src/app-migrator.ts'
import { users } from '../src/auth/0001-users.ts'
import { accountSecurity } from '../src/auth/0002-account-security.ts'
import { isNewerThanOurs } from '../src/databases.ts'
import { migrateAuth, migrateTransaction } from '../src/index.ts'
import { payments } from '../src/transaction/0001-payments.ts'

async function database(migrate: (db: TestDatabase['db']) => Promise<unknown>) {
  const opened = await createTestDatabase({ migrate: async (db) => void (await migrate(db)) })
  onTestFinished(() => opened.dispose())
  return opened
}

const beforeRetention = async (db: TestDatabase['db']) => {
  await migrateQueue(db)
  await applyScripts(db, { '0001-users': users, '0002-account-security': accountSecurity })
}

/** As `main.ts` does: what gave way begins anew. */
async function migrateUntilDone(db: TestDatabase['db']): Promise<void> {
  for (;;) {
    try {
      await migrateAuth(db)
      return
    } catch (error) {
      if ((error as { code?: unknown }).code !== '55P03') throw error
    }
  }
}

describe('the indexes of the retention', () => {
  test('wait for a login while they hold nothing that it will want', async () => {
    const { db } = await database(beforeRetention)
    const login = await db.startTransaction().execute()
    await sql`lock table refresh_tokens in row exclusive mode`.execute(login)
    const migrated = migrateUntilDone(db)
    try {
      // One look at all locks: what a session that waits for this table has of the others.
      const held = await waitFor(
        async () => {
          const { rows } = await sql<{ held: string[] }>`
            select array(
              select own.relation::regclass::text from pg_locks own
              where own.pid = waits.pid and own.granted
                and own.relation in ('audit_events'::regclass, 'reset_tokens'::regclass)
            ) as held
            from pg_locks waits
            join pg_database on pg_database.oid = waits.database and datname = current_database()
            where waits.relation = 'refresh_tokens'::regclass and not waits.granted`.execute(db)
          return rows[0]?.held
        },
        { timeoutMs: 60_000 },
      )
      expect(held).toEqual([])
      await sql`insert into audit_events (type) values ('logged_in')`.execute(login)
    } finally {
      await login.commit().execute()
      await migrated
    }
    const { rows } = await sql`select from pg_indexes where indexname in
      ('audit_events_oldest', 'refresh_tokens_expired', 'reset_tokens_expired')`.execute(db)
    expect(rows).toHaveLength(3)
  })

  test('are not those that somebody began concurrently and did not get to the end', async () => {
    const { db } = await database((one) => applyScripts(one, { '0001-payments': payments }))
    // Two claims of one key cannot be unique: the index stays, and stays invalid.
    for (const user of [crypto.randomUUID(), crypto.randomUUID()]) {
      await sql`insert into payment_claims (user_id, key, fingerprint, payment_id)
        values (${user}, 'same', '', gen_random_uuid())`.execute(db)
    }
    const begun = sql`create unique index concurrently payment_claims_of_key
      on payment_claims (key)`.execute(db)
    await expect(begun).rejects.toMatchObject({ code: '23505' })
    await expect(migrateTransaction(db)).rejects.toThrow(
      'Run "drop index concurrently public.payment_claims_of_key"',
    )
    await sql`drop index concurrently public.payment_claims_of_key`.execute(db)
    await migrateTransaction(db)
  })
})

describe('a database that a later version has migrated', () => {
  test('is left alone, and called what it is', async () => {
    const { db } = await database(migrateTransaction)
    expect(await isNewerThanOurs(db, 'transaction')).toBe(false)
    for (const record of [
      'app_migration',
      'queue.queue_migration',
      'reversal.reversal_migration',
    ]) {
      await sql`insert into ${sql.table(record)} (name, timestamp)
        values ('zz_9999_of_tomorrow', ${new Date().toISOString()})`.execute(db)
      expect(await isNewerThanOurs(db, 'transaction')).toBe(true)
      await migrateTransaction(db)
      await sql`delete from ${sql.table(record)} where name like 'zz%'`.execute(db)
    }
  })

  test('is another thing than one with a migration in between that nobody knows', async () => {
    const { db } = await database(migrateTransaction)
    await sql`insert into app_migration (name, timestamp)
      values ('0002-of-somebody-else', ${new Date().toISOString()})`.execute(db)
    expect(await isNewerThanOurs(db, 'transaction')).toBe(false)
    await expect(migrateTransaction(db)).rejects.toThrow('corrupted migrations')
  })
})
