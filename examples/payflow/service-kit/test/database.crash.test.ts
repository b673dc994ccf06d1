/*
 * Goal: a database that stops answering costs statements, never the truth of later ones.
 * Method: a PostgreSQL of our own is frozen while a transaction begins, or is open, until the client
 * gives up; then it goes on. A connection whose BEGIN is still on its way would run whatever comes
 * next inside a transaction that nobody commits.
 */
import { startPostgres, type Server } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createDatabase, createLogger, isDatabaseUnavailable, type Database } from '../src/index.ts'

let server: Server
let database: Database<unknown>
let witness: Database<unknown>

beforeEach(async () => {
  server = await startPostgres()
  const logger = createLogger({ service: 'kit', destination: { write: () => undefined } })
  const common = { url: server.url, logger, poolMax: 1 }
  // The client gives up a second after PostgreSQL should have.
  database = createDatabase({ ...common, applicationName: 'kit', statementTimeoutMs: 500 })
  witness = createDatabase({ ...common, applicationName: 'witness' })
  await sql`create table written (what text)`.execute(witness.db)
  await database.ping()
})

afterEach(async () => {
  server.resume()
  await Promise.all([database.close(), witness.close()])
  await server.stop()
})

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

async function writeAlone(): Promise<void> {
  await sql`insert into written values ('alone')`.execute(database.db)
}

async function seenByOthers(): Promise<string[]> {
  const { rows } = await sql<{ what: string }>`select what from written`.execute(witness.db)
  return rows.map(({ what }) => what)
}

describe('a PostgreSQL that freezes', () => {
  test('while a transaction begins leaves no open transaction to later statements', async () => {
    server.freeze()
    const begun = database.db.transaction().execute(async () => undefined)
    expect(isDatabaseUnavailable(await errorOf(begun))).toBe(true)
    server.resume()
    await writeAlone()
    expect(await seenByOthers()).toEqual(['alone'])
  })

  test('inside a transaction leaves none of it to later statements', async () => {
    const torn = database.db.transaction().execute(async (trx) => {
      server.freeze()
      await sql`insert into written values ('torn')`.execute(trx)
    })
    expect(isDatabaseUnavailable(await errorOf(torn))).toBe(true)
    server.resume()
    await writeAlone()
    expect(await seenByOthers()).toEqual(['alone'])
  })
})
