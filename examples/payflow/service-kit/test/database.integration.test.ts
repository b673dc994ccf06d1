/*
 * Goal: the loss of a database connection, at any moment, costs one statement and not the process.
 * Method: backends of a real PostgreSQL are ended while a connection is idle, checked out, waiting.
 */
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, createLogger, isDatabaseUnavailable, type Database } from '../src/index.ts'

let server: TestDatabase
let database: Database<unknown>

beforeAll(async () => {
  server = await createTestDatabase()
  database = createDatabase({
    url: server.url,
    applicationName: 'kit',
    logger: createLogger({ service: 'kit', destination: { write: () => undefined } }),
    poolMax: 1,
    statementTimeoutMs: 200,
    lockTimeoutMs: 100,
  })
})

afterAll(async () => {
  await database.close()
  await server.dispose()
})

async function endBackends(): Promise<void> {
  const ended = sql`
    select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'kit'`
  await ended.execute(server.db)
}

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

describe('createDatabase', () => {
  test('survives the end of an idle connection', async () => {
    await database.ping()
    await endBackends()
    await errorOf(database.ping())
    expect(await errorOf(database.ping())).toBeUndefined()
  })

  test('LEDGER-12 survives the end of a connection that is checked out between two statements', async () => {
    const transaction = database.db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx)
      await endBackends()
      await sql`select 1`.execute(trx)
    })
    expect(isDatabaseUnavailable(await errorOf(transaction))).toBe(true)
    await database.ping()
  })

  test('gives up statements and locks that take too long, as passing trouble', async () => {
    const slow = await errorOf(sql`select pg_sleep(5)`.execute(database.db))
    expect([isDatabaseUnavailable(slow), slow]).toMatchObject([true, { code: '57014' }])
    await sql`create table locked (id int)`.execute(server.db)
    await server.db.transaction().execute(async (trx) => {
      await sql`lock table locked`.execute(trx)
      const waiting = await errorOf(sql`select * from locked`.execute(database.db))
      expect([isDatabaseUnavailable(waiting), waiting]).toMatchObject([true, { code: '55P03' }])
    })
  })

  test('tells a faulty statement from passing trouble', async () => {
    const faulty = await errorOf(sql`select nonsense`.execute(database.db))
    expect(faulty).toBeInstanceOf(Error)
    expect(isDatabaseUnavailable(faulty)).toBe(false)
  })
})
