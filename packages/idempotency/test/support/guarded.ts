import { createTestDatabase } from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { createIdempotency, presets } from '../../src/index.ts'
import type { Claim, IdempotencyContext } from '../../src/index.ts'
import { memoryStore } from '../../src/memory/index.ts'
import { migrateGuard } from '../../src/postgres/index.ts'

/** A database with the guard and a table of effects, in which nothing is unique on purpose. */
export function guardedDatabase(): Promise<TestDatabase> {
  return createTestDatabase({
    cacheKey: 'idempotency guard and effects',
    migrate: async (db) => {
      await migrateGuard(db)
      await createEffects(db)
    },
  })
}

/** One row for every time that somebody paid. */
export async function createEffects(db: Kysely<any>): Promise<void> {
  await sql`create table effect (
    id integer generated always as identity primary key, key text not null, amount integer not null
  )`.execute(db)
  await sql`create index effect_key on effect (key)`.execute(db)
}

/** Pays: the one thing that must not happen twice. */
export async function pay(trx: Kysely<any>, key: string, amount = 1): Promise<{ id: number }> {
  const { rows } = await sql<{ id: number }>`
    insert into effect (key, amount) values (${key}, ${amount}) returning id`.execute(trx)
  return rows[0]!
}

export async function effectsOf(db: Kysely<any>, key: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from effect where key = ${key}`.execute(db)
  return rows[0]!.count
}

/**
 * An execution by a store that knows nothing of any earlier one: what is left after Redis was
 * flushed, failed over or restarted empty.
 */
export async function forgetfulClaim(key: string, payload: unknown = 1): Promise<Claim> {
  const idempotency = createIdempotency({
    store: memoryStore(),
    scope: () => 'ada',
    ...presets.payments,
  })
  const decision = await idempotency.begin({ name: 'pay', key, payload })
  if (decision.decision !== 'execute') throw new Error(`a new key was ${decision.decision}`)
  decision.claim.stop()
  return decision.claim
}

export async function forgetfulContext(
  key: string,
  payload?: unknown,
): Promise<IdempotencyContext> {
  return (await forgetfulClaim(key, payload)).context
}
