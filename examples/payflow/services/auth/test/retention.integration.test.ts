/*
 * Goal: what is past its time goes, however much it is and however many look for it; nothing else
 * does, and nobody's session feels it.
 * Method: the rules of the service on its migrated database, whose rows are made old by hand.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { migrateAuth } from '@payflow-app/migrations'
import { startRetention, type Logger } from '@payflow-app/service-kit'
import { createTestDatabase, waitFor, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { retentionOf } from '../src/retention.ts'

let database: TestDatabase
let user: string
const rules = retentionOf({ auditDays: 400, sessionDays: 30 })

beforeAll(async () => {
  database = await createTestDatabase({ migrate: migrateAuth, cacheKey: 'app-auth' })
})
beforeEach(async () => {
  user = randomUUID()
  await sql`insert into users (id, email, name, password_hash)
    values (${user}, ${`${user}@payflow.test`}, 'Ada', '-')`.execute(database.db)
})
afterAll(async () => {
  await database.dispose()
})

/** A session whose tokens ran out so many days ago; negative: will run out. */
async function session(...expiredDaysAgo: readonly number[]): Promise<string> {
  const id = randomUUID()
  await sql`insert into refresh_families (id, user_id) values (${id}, ${user})`.execute(database.db)
  for (const days of expiredDaysAgo) {
    await sql`insert into refresh_tokens (token_hash, family_id, expires_at)
      values (${randomBytes(32)}, ${id}, now() - make_interval(days => ${days}))`.execute(
      database.db,
    )
  }
  return id
}

async function event(daysAgo: number): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    insert into audit_events (type, user_id, at)
    values ('logged_in', ${user}, now() - make_interval(days => ${daysAgo}))
    returning id`.execute(database.db)
  return rows[0]?.id ?? ''
}

async function ids(table: 'refresh_families' | 'audit_events'): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select id from ${sql.table(table)} where user_id = ${user}`.execute(database.db)
  return new Set(rows.map(({ id }) => id))
}

async function tokensOf(id: string): Promise<number> {
  const { rows } = await sql`select from refresh_tokens where family_id = ${id}`.execute(
    database.db,
  )
  return rows.length
}

function listen(): { readonly logger: Logger; readonly warnings: { table: string }[] } {
  const warnings: { table: string }[] = []
  const warn = (fields: { table: string }) => warnings.push(fields)
  return { logger: { info() {}, warn } as unknown as Logger, warnings }
}

/** Runs one round of so many replicas at once; returns what their metrics say. */
async function purge({ replicas = 1, batchRows = 2 } = {}): Promise<string[]> {
  const { logger, warnings } = listen()
  const running = Array.from({ length: replicas }, () => {
    const registry = new Registry()
    const options = { db: database.db, rules, registry, logger, intervalMs: 3_600_000, batchRows }
    return { registry, retention: startRetention(options) }
  })
  const told = await Promise.all(
    running.map(async ({ registry, retention }) => {
      const metrics = await waitFor(async () => {
        const text = await registry.metrics()
        return /^payflow_purge_last_success_timestamp_seconds [1-9]/m.test(text) ? text : undefined
      })
      await retention.stop()
      return metrics
    }),
  )
  expect(warnings).toEqual([])
  return told
}

const purged = (metrics: readonly string[], table: string): number =>
  metrics.reduce((sum, text) => {
    const [, rows] =
      new RegExp(`payflow_purged_rows_total\\{table="${table}"\\} (\\d+)`).exec(text) ?? []
    return sum + Number(rows)
  }, 0)

describe('a session', () => {
  it('goes with the last of its tokens, a month after that ran out', async () => {
    const [over, lately, goesOn] = [
      await session(31, 40),
      await session(29, 40),
      await session(-1, 40),
    ]
    expect(purged(await purge(), 'refresh_tokens')).toBe(4)
    expect(await ids('refresh_families')).toEqual(new Set([lately, goesOn]))
    expect([await tokensOf(over), await tokensOf(lately), await tokensOf(goesOn)]).toEqual([
      0, 1, 1,
    ])
  })

  it('is left to whoever has it locked, with all its tokens, and nobody waits', async () => {
    const [busy, idle] = [await session(31, 40), await session(32)]
    await database.db.transaction().execute(async (trx) => {
      await sql`select from refresh_families where id = ${busy} for no key update`.execute(trx)
      expect(purged(await purge(), 'refresh_tokens')).toBe(1)
      expect([await tokensOf(busy), await tokensOf(idle)]).toEqual([2, 0])
    })
    await purge()
    expect(await ids('refresh_families')).toEqual(new Set())
  })

  it('goes whole when several replicas purge at once', async () => {
    for (let no = 0; no < 10; no += 1) await session(31, 32, 33, 34, 35)
    await purge({ replicas: 4, batchRows: 3 })
    // Those that found the lock taken left it to another, which has come to the end of it.
    expect(await ids('refresh_families')).toEqual(new Set())
  })
})

describe('a mailed link', () => {
  it('goes a month after it ran out', async () => {
    const link = (days: number) => sql`insert into reset_tokens (token_hash, user_id, expires_at)
      values (${randomBytes(32)}, ${user}, now() - make_interval(days => ${days}))`
    for (const days of [-1, 29, 31, 400]) await link(days).execute(database.db)
    expect(purged(await purge(), 'reset_tokens')).toBe(2)
    const left = await sql`select from reset_tokens where user_id = ${user}`.execute(database.db)
    expect(left.rows).toHaveLength(2)
  })
})

describe('what happened to an account', () => {
  it('goes after its time, batch by batch', async () => {
    for (let no = 0; no < 5; no += 1) await event(401 + no)
    const kept = [await event(399), await event(0)]
    expect(purged(await purge(), 'audit_events')).toBe(5)
    expect(await ids('audit_events')).toEqual(new Set(kept))
  })

  it('cannot be taken away before 90 days, by the function neither, nor changed later', async () => {
    await event(89)
    const old = await event(91)
    const [purgeEarly, early] = [
      sql`select purge_audit_events(interval '1 day', 1000)`,
      sql`delete from audit_events where user_id = ${user}`,
    ]
    for (const attempt of [purgeEarly, early]) {
      await expect(attempt.execute(database.db)).rejects.toThrow('append-only for 90 days')
    }
    const change = sql`update audit_events set type = 'other' where id = ${old}`
    await expect(change.execute(database.db)).rejects.toThrow('append-only')
    await sql`select purge_audit_events(interval '90 days', 1000)`.execute(database.db)
    expect((await ids('audit_events')).has(old)).toBe(false)
  })
})

describe('a table that cannot be purged', () => {
  it('holds up no other, and is tried again long before the interval has passed', async () => {
    const over = await session(31)
    const { logger, warnings } = listen()
    const registry = new Registry()
    let isBroken = true
    const broken = {
      table: 'broken',
      purge: async () => (isBroken ? await Promise.reject(new Error('no such table')) : 0),
    }
    const retention = startRetention({
      db: database.db,
      rules: [broken, ...rules],
      registry,
      logger,
      intervalMs: 3_600_000,
    })
    const succeeded = async () =>
      (await registry.metrics()).includes('\npayflow_purge_last_success_timestamp_seconds ')
    try {
      await waitFor(async () => (await tokensOf(over)) === 0, { timeoutMs: 60_000 })
      await waitFor(() => warnings.length > 1, { timeoutMs: 60_000 })
      expect(warnings[0]).toMatchObject({ table: 'broken' })
      // Not 0 either, which would be a success in 1970.
      expect(await succeeded()).toBe(false)
      isBroken = false
      await waitFor(succeeded, { timeoutMs: 60_000 })
    } finally {
      await retention.stop()
    }
  })
})
