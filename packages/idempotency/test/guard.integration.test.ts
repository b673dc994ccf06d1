// The guard is what is left when the store has forgotten everything: every context here comes from a
// store that is empty. Effects are rows of a table without any other protection.
import { uniqueName, waitFor } from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fenceCondition, guard, migrateGuard, sweepGuards } from '../src/postgres/index.ts'
import type { Guarded, GuardOptions } from '../src/postgres/index.ts'
import { gate } from './support/gate.ts'
import {
  effectsOf,
  forgetfulClaim,
  forgetfulContext,
  guardedDatabase,
  pay,
} from './support/guarded.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await guardedDatabase()
})
afterAll(() => database.dispose())

/** One execution after the store has forgotten: pays under the guard. */
async function execute(
  key: string,
  { payload, ...options }: GuardOptions & { readonly payload?: unknown } = {},
): Promise<Guarded<{ id: number }>> {
  const context = await forgetfulContext(key, payload)
  const transaction = database.db.transaction()
  return transaction.execute((trx) => guard(trx, context, () => pay(trx, key), options))
}

async function rowOf(key: string): Promise<any> {
  const { id } = await forgetfulContext(key)
  const { rows } = await database.pool.query('select * from idempotency.guard where id = $1', [id])
  return rows[0]
}

/** How many sessions wait for a lock of another one. */
async function waiting(): Promise<number> {
  const { rows } = await database.pool.query(
    `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rows.length
}

describe('guard', () => {
  it('IDEM-16 gives a second execution the answer of the first, and no second effect', async () => {
    const key = uniqueName('key')
    const first = await execute(key)
    const second = await execute(key)
    expect(first).toMatchObject({ outcome: 'executed', omitted: false })
    expect(second).toEqual({ outcome: 'replayed', omitted: false, value: first.value })
    expect(await effectsOf(database.db, key)).toBe(1)
    expect(await rowOf(key)).toMatchObject({ executions: 2, state: 'stored' })
  })

  it('IDEM-16 lets ten executions at once have one effect and one answer', async () => {
    const key = uniqueName('key')
    const all = await Promise.all(Array.from({ length: 10 }, () => execute(key)))
    expect(all.filter(({ outcome }) => outcome === 'executed')).toHaveLength(1)
    expect(new Set(all.map(({ value }) => value!.id)).size).toBe(1)
    expect(await effectsOf(database.db, key)).toBe(1)
  })

  it('makes a twin wait before its work begins, and execute if the first rolls back', async () => {
    const key = uniqueName('key')
    const door = gate()
    const context = await forgetfulContext(key)
    const first = database.db.transaction().execute((trx) =>
      guard(trx, context, async () => {
        await pay(trx, key)
        await door.pass()
        throw new Error('the bank said no')
      }),
    )
    const refused = first.then(
      () => 'committed',
      (error: Error) => error.message,
    )
    await door.reached
    const second = execute(key)
    await waitFor(async () => (await waiting()) === 1)
    door.open()
    expect(await refused).toBe('the bank said no')
    expect(await second).toMatchObject({ outcome: 'executed' })
    expect(await effectsOf(database.db, key)).toBe(1)
  })

  it('is a serialization failure under REPEATABLE READ if the twin commits meanwhile', async () => {
    const key = uniqueName('key')
    const context = await forgetfulContext(key)
    const late = database.db.transaction().setIsolationLevel('repeatable read')
    const attempt = (): Promise<Guarded<{ id: number }>> =>
      late.execute(async (trx) => {
        await sql`select 1 from effect limit 1`.execute(trx) // takes the snapshot
        if ((await rowOf(key)) === undefined) await execute(key)
        return guard(trx, context, () => pay(trx, key))
      })
    await expect(attempt()).rejects.toMatchObject({ code: '40001' })
    expect(await attempt()).toMatchObject({ outcome: 'replayed' })
    expect(await effectsOf(database.db, key)).toBe(1)
  })

  it('IDEM-03 refuses another request under a key that has had its effect', async () => {
    const key = uniqueName('key')
    await execute(key, { payload: { amount: 1 } })
    const claim = await forgetfulClaim(key, { amount: 2 })
    const reused = database.db
      .transaction()
      .execute((trx) => guard(trx, claim.context, () => pay(trx, key)))
    await expect(reused).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED', retryable: false })
    // Stored, it would refuse the client that paid from then on.
    expect(claim.requestedOutcome).toBe('release')
    expect(await execute(key, { payload: { amount: 1 } })).toMatchObject({ outcome: 'replayed' })
    expect(await effectsOf(database.db, key)).toBe(1)
  })

  it('keeps effects with different names apart', async () => {
    const key = uniqueName('key')
    expect(await execute(key, { name: 'reserve' })).toMatchObject({ outcome: 'executed' })
    expect(await execute(key, { name: 'capture' })).toMatchObject({ outcome: 'executed' })
    expect(await execute(key, { name: 'reserve' })).toMatchObject({ outcome: 'replayed' })
    expect(await effectsOf(database.db, key)).toBe(2)
  })

  it('does not keep a result over the limit, and says so', async () => {
    const key = uniqueName('key')
    expect(await execute(key, { resultMaxBytes: 3 })).toMatchObject({ outcome: 'executed' })
    const again = await execute(key)
    expect(again).toEqual({ outcome: 'replayed', omitted: true, value: undefined })
    expect(await rowOf(key)).toMatchObject({ state: 'omitted', result: null })
  })

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['false', false],
    ['an empty text', ''],
    ['text that PostgreSQL could not keep as it is', 'a\0b\ud800'],
    ['an object', { paid: [1, { deep: 'ü' }] }],
  ])('IDEM-23 gives %s back as it was', async (_, value) => {
    const context = await forgetfulContext(uniqueName('key'))
    const run = (): Promise<Guarded<unknown>> =>
      database.db
        .transaction()
        .execute((trx) => guard(trx, context, () => Promise.resolve<unknown>(value)))
    await run()
    expect(await run()).toEqual({ outcome: 'replayed', omitted: false, value })
  })

  it('refuses a result that JSON cannot carry before anything is committed', async () => {
    const key = uniqueName('key')
    const context = await forgetfulContext(key)
    const lost = database.db.transaction().execute((trx) =>
      guard(trx, context, async () => {
        await pay(trx, key)
        return { amountMinor: 500n }
      }),
    )
    await expect(lost).rejects.toMatchObject({ code: 'IDEMPOTENCY_RESULT_INVALID' })
    expect(await effectsOf(database.db, key)).toBe(0)
    expect(await execute(key)).toMatchObject({ outcome: 'executed' })
  })

  it('never takes work whose error was swallowed for done, nor runs it again', async () => {
    const key = uniqueName('key')
    const context = await forgetfulContext(key)
    await database.db.transaction().execute(async (trx) => {
      const work = async (): Promise<never> => {
        await pay(trx, key)
        throw new Error('half-way')
      }
      await guard(trx, context, work).catch(() => undefined)
    })
    await expect(execute(key)).rejects.toMatchObject({ code: 'IDEMPOTENCY_GUARD_UNFINISHED' })
    expect(await effectsOf(database.db, key)).toBe(1)
  })

  it('refuses to be taken twice by one transaction under one name', async () => {
    const key = uniqueName('key')
    const context = await forgetfulContext(key)
    const nested = database.db
      .transaction()
      .execute((trx) => guard(trx, context, () => guard(trx, context, () => pay(trx, key))))
    await expect(nested).rejects.toMatchObject({ code: 'IDEMPOTENCY_GUARD_UNFINISHED' })
    expect(await effectsOf(database.db, key)).toBe(0)
  })

  it.each<[string, () => Promise<unknown>]>([
    ['a database instead of a transaction', () => guarded({ trx: database.db })],
    ['no context', () => guarded({ context: undefined })],
    ['an empty name', () => guarded({ options: { name: '' } })],
    ['a name of 65 characters', () => guarded({ options: { name: 'x'.repeat(65) } })],
    ['a schema that is SQL', () => guarded({ options: { schema: 'a"; drop table b' } })],
    ['a negative limit', () => guarded({ options: { resultMaxBytes: -1 } })],
    ['a sweep of fresh rows', () => sweepGuards(database.db, { retentionMs: 1_000 })],
    ['a sweep of no rows', () => sweepGuards(database.db, { limit: 0 })],
  ])('refuses %s before any statement', async (_, attempt) => {
    await expect(attempt()).rejects.toMatchObject({ code: 'IDEMPOTENCY_OPTIONS_INVALID' })
  })

  it('names the missing table', async () => {
    const missing = guarded({ options: { schema: 'nowhere' } })
    await expect(missing).rejects.toMatchObject({ code: 'IDEMPOTENCY_GUARD_NOT_MIGRATED' })
  })
})

/** A guarded piece of nothing, with whatever a program in JavaScript may get wrong. */
async function guarded(wrong: {
  trx?: unknown
  context?: unknown
  options?: GuardOptions
}): Promise<unknown> {
  const right = { context: await forgetfulContext(uniqueName('key')) }
  return database.db.transaction().execute((trx) => {
    const { trx: on, context, options } = { trx, ...right, ...wrong } as any
    return guard(on, context, () => Promise.resolve('done'), options)
  })
}

describe('migrateGuard', () => {
  it('may be run by several processes at once, again, and in another schema', async () => {
    const schema = 'second_guard'
    await Promise.all([1, 2, 3].map(() => migrateGuard(database.db, { schema })))
    await migrateGuard(database.db, { schema })
    const key = uniqueName('key')
    expect(await execute(key, { schema })).toMatchObject({ outcome: 'executed' })
    expect(await execute(key, { schema })).toMatchObject({ outcome: 'replayed' })
    expect(await execute(key)).toMatchObject({ outcome: 'executed' })
  })
})

describe('sweepGuards', () => {
  const dayMs = 86_400_000
  const age = (prefix: string, days: number): Promise<unknown> =>
    database.pool.query(
      `update idempotency.guard set taken_at = now() - $2 * interval '1 day'
       where result like '%' || $1 || '%'`,
      [prefix, days],
    )

  it('removes what is older than the retention, the oldest first, so many at a time', async () => {
    await database.pool.query('truncate idempotency.guard')
    const keys = [1, 2, 3, 4].map(() => uniqueName('key'))
    for (const [index, key] of keys.entries()) {
      const context = await forgetfulContext(key)
      await database.db
        .transaction()
        .execute((trx) => guard(trx, context, () => Promise.resolve(key)))
      await age(key, [40, 39, 38, 1][index]!)
    }
    expect(await sweepGuards(database.db, { limit: 2 })).toBe(2)
    expect(await Promise.all(keys.map(rowOf))).toMatchObject([undefined, undefined, {}, {}])
    expect(await sweepGuards(database.db, { limit: 2 })).toBe(1)
    expect(await sweepGuards(database.db, { retentionMs: 2 * dayMs })).toBe(0)
    expect(await rowOf(keys[3]!)).toMatchObject({ state: 'stored' })
  })

  it('leaves a row alone that a second execution is looking at', async () => {
    await database.pool.query('truncate idempotency.guard')
    const key = uniqueName('key')
    await execute(key)
    await database.pool.query(`update idempotency.guard set taken_at = now() - interval '1 year'`)
    const context = await forgetfulContext(key)
    await database.db.transaction().execute(async (trx) => {
      expect(await guard(trx, context, () => pay(trx, key))).toMatchObject({ outcome: 'replayed' })
      expect(await sweepGuards(database.db)).toBe(0)
    })
    expect(await sweepGuards(database.db)).toBe(1)
  })
})

describe('fenceCondition', () => {
  it('lets a later owner write, and no earlier one after it', async () => {
    await sql`create table ticket (id integer, fence bigint, owner text)`.execute(database.db)
    await sql`insert into ticket (id) values (1)`.execute(database.db)
    const write = async (fence: number, owner: string): Promise<bigint> => {
      const { numUpdatedRows } = await database.db
        .updateTable('ticket')
        .set({ fence, owner })
        .where('id', '=', 1)
        .where(fenceCondition({ fence }, 'ticket.fence'))
        .executeTakeFirst()
      return numUpdatedRows
    }
    const now = Date.now() * 1_000
    expect(await write(0, 'degraded')).toBe(1n)
    expect(await write(now, 'first')).toBe(1n)
    expect(await write(now + 1, 'second')).toBe(1n)
    expect(await write(now, 'first, too late')).toBe(0n)
    expect(await write(0, 'degraded, too late')).toBe(0n)
    expect(await write(now + 1, 'second again')).toBe(1n)
  })
})
