/*
 * Goal: four databases whose roles can do their own work and nothing else, however often and however
 * concurrently the migration runs. Method: the real process against a real PostgreSQL, then each
 * role's own connection.
 */
import { createTestDatabase, sharedServers, spawnChild, uniqueName } from '@payflow/testkit'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { applyScripts } from '../src/app-migrator.ts'
import { DATABASES, migrateTransaction, type DatabaseName } from '../src/index.ts'
import { payments } from '../src/transaction/0001-payments.ts'

const prefix = uniqueName('mig').replaceAll(/[^a-z0-9_]/g, '_')
const password = 'a password for tests'
let adminUrl: string
let firstRuns: (number | null)[]

async function migrate(extra: Record<string, string> = {}) {
  const child = await spawnChild(new URL('../src/main.ts', import.meta.url), {
    env: {
      ADMIN_DATABASE_URL: adminUrl,
      DATABASE_PREFIX: prefix,
      ...Object.fromEntries(DATABASES.map((d) => [`DB_PASSWORD_${d.toUpperCase()}`, password])),
      ...extra,
    },
  })
  return { ...(await child.exited), stdout: child.stdout() }
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

function roleUrl(role: DatabaseName, database: string = `${prefix}_${role}`): string {
  const url = new URL(adminUrl)
  url.username = `${prefix}_${role}`
  url.password = encodeURIComponent(password)
  url.pathname = `/${database}`
  return url.href
}

beforeAll(async () => {
  adminUrl = sharedServers().postgresUrl
  const runs = await Promise.all([migrate(), migrate()])
  firstRuns = runs.map(({ code }) => code)
})

afterAll(async () => {
  for (const name of DATABASES) {
    await query(adminUrl, `drop database if exists ${prefix}_${name} with (force)`)
    await query(adminUrl, `drop role if exists ${prefix}_${name}`)
  }
  await query(adminUrl, `drop role if exists ${prefix}_owner`)
  await query(adminUrl, `drop role if exists ${prefix}_auditor`)
})

describe('migrations', () => {
  test('run twice at once both succeed', () => {
    expect(firstRuns).toEqual([0, 0])
  })

  test('run again change nothing and say so', async () => {
    const { code, stdout } = await migrate()
    expect(code).toBe(0)
    expect(stdout).toContain(`${prefix}_transaction: up to date`)
    expect(stdout).toContain('all databases are up to date')
  })

  test.each(DATABASES)('let the role of %s into its own database only', async (name) => {
    expect(await query(roleUrl(name), 'select 1 as one')).toEqual([{ one: 1 }])
    const others = DATABASES.filter((other) => other !== name).map((o) => `${prefix}_${o}`)
    for (const database of [...others, 'postgres', 'template1']) {
      await expect(query(roleUrl(name, database), 'select 1')).rejects.toThrow(
        'permission denied for database',
      )
    }
  })

  test.each([
    ['auth', 'delete from public.users'],
    ['auth', 'delete from public.audit_events'],
    ['auth', 'create table public.mine (id int)'],
    ['wallet', 'select * from ledger.account'],
    ['wallet', 'update ledger.account set posted_credits_minor = 1'],
    ['wallet', "select ledger.rejected('mine', null)"],
    ['transaction', 'delete from public.payments'],
    ['transaction', 'delete from reversal.job'],
    ['transaction', "insert into public.payment_events values (default, gen_random_uuid(), 'x')"],
    ['transaction', "update public.payment_events set type = 'failed'"],
    ['transaction', 'delete from public.payment_events'],
    ['transaction', 'truncate public.payment_events'],
    ['transaction', 'create schema mine'],
    ['transaction', 'create temporary table mine (id int)'],
    ['notification', 'truncate public.notifications'],
  ] as const)('refuse the role of %s: %s', async (name, statement) => {
    await expect(query(roleUrl(name), statement)).rejects.toThrow('permission denied')
  })

  test.each([
    ['auth', 'select * from public.users'],
    ['auth', "select public.purge_audit_events(interval '90 days', 1000)"],
    ['wallet', 'select * from ledger.trial_balance()'],
    ['transaction', 'select * from queue.outbox'],
    ['transaction', 'delete from public.payment_tally where false'],
    ['transaction', 'select * from reversal.job'],
    ['transaction', 'select * from public.payment_events'],
    ['notification', 'select * from queue.inbox'],
  ] as const)('let the role of %s do its work: %s', async (name, statement) => {
    await expect(query(roleUrl(name), statement)).resolves.toBeDefined()
  })

  test('leave nothing in the hands of a superuser', async () => {
    for (const name of DATABASES) {
      const url = new URL(adminUrl)
      url.pathname = `/${prefix}_${name}`
      const owned = await query(
        url.href,
        `select c.oid::regclass::text as name from pg_class c join pg_roles r on r.oid = c.relowner
         join pg_namespace n on n.oid = c.relnamespace
         where r.rolsuper and n.nspname in ('public', 'ledger', 'queue', 'reversal')`,
      )
      expect(owned).toEqual([])
    }
  })

  test('let an auditor read the ledger and move nothing', async () => {
    const auditor = `${prefix}_auditor_login`
    await query(
      adminUrl,
      `create role ${auditor} login password '${password}' in role ${prefix}_auditor`,
    )
    const url = new URL(roleUrl('wallet'))
    url.username = auditor
    try {
      const [trial] = await query(url.href, 'select ledger.trial_balance() as answer')
      expect(trial).toMatchObject({ answer: { balanced: true } })
      const release = query(url.href, 'select ledger.release(gen_random_uuid())')
      await expect(release).rejects.toThrow('permission denied for function')
    } finally {
      await query(adminUrl, `drop role ${auditor}`)
    }
  })

  test('count the payments that were there before the tally, and each that follows, once', async () => {
    const before = await createTestDatabase({
      migrate: (db) => applyScripts(db, { '0001-payments': payments }).then(() => undefined),
    })
    const write = (status: string, by: string | null) =>
      sql`insert into public.payments (id, from_user_id, to_user_id, amount_minor, currency, status,
          idempotency_key, fingerprint, message_id, failure_code, completed_at, resolved_by)
        values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'USD', ${status}, 'k', '',
          gen_random_uuid(), ${status === 'FAILED' ? 'reversed_timeout' : null},
          ${by === null ? null : sql`now()`}, ${by})`.execute(before.db)
    try {
      await write('PENDING', null)
      for (const by of ['worker', 'reversal']) {
        await write('COMPLETED', by)
        await write('FAILED', by)
      }
      // What an operator does first whose writers cannot wait for it.
      await sql`create index concurrently payments_created
        on public.payments (created_at)`.execute(before.db)
      await migrateTransaction(before.db)
      await sql`update public.payments set status = 'COMPLETED', completed_at = now(),
        resolved_by = 'worker' where status = 'PENDING'`.execute(before.db)
      await sql`update public.payments set dispatched_at = now()`.execute(before.db)
      const { rows } = await sql`select event, sum(payments)::int as payments
        from public.payment_tally group by event order by event`.execute(before.db)
      expect(rows).toEqual([
        { event: 'completed', payments: 2 },
        { event: 'created', payments: 5 },
        { event: 'failed', payments: 1 },
        { event: 'repaired', payments: 1 },
        { event: 'reversed', payments: 1 },
      ])
    } finally {
      await before.dispose()
    }
  })

  test('keep the rules of a payment in the table itself', async () => {
    const insert = (status: string, rest: string) =>
      query(
        roleUrl('transaction'),
        `insert into public.payments (id, from_user_id, to_user_id, amount_minor, currency, status,
           idempotency_key, fingerprint, message_id, failure_code, completed_at, resolved_by)
         values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'USD', '${status}',
           'k', '', gen_random_uuid(), ${rest})`,
      )
    await expect(insert('DONE', "null, now(), 'worker'")).rejects.toThrow('payments_status_known')
    await expect(insert('FAILED', "null, now(), 'worker'")).rejects.toThrow(
      'payments_failure_explained',
    )
    await expect(insert('COMPLETED', "null, null, 'worker'")).rejects.toThrow(
      'payments_settled_once',
    )
    await expect(insert('PENDING', 'null, null, null')).resolves.toEqual([])
  })

  test('name every missing variable at once and touch nothing', async () => {
    const { code, stdout } = await migrate({ ADMIN_DATABASE_URL: '', DB_PASSWORD_AUTH: 'short' })
    expect(code).toBe(78)
    expect(stdout).toContain('ADMIN_DATABASE_URL: is required')
    expect(stdout).toContain('DB_PASSWORD_AUTH: must have at least 8 characters')
  })
})
