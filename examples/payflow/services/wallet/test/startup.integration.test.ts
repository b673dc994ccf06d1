/*
 * Goal: a process on a database that is not migrated yet is alive, and neither started nor ready; it
 * becomes so by itself, and what it has once seen it does not ask for again.
 * Method: wallet-service before the migration, after it, and with its tables out of sight.
 */
import { newServiceKeys } from '@payflow-app/service-kit/testing'
import { migrateWallet } from '@payflow-app/migrations'
import { RunningService } from '@payflow-app/testing'
import { createTestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { expect, test } from 'vitest'

test('start-up waits for the migration, once', async () => {
  await using database = await createTestDatabase()
  await using service = await RunningService.start('wallet', {
    DATABASE_URL: database.url,
    JWKS_URL: 'http://127.0.0.1:9/jwks.json',
    ...newServiceKeys(),
    LOG_LEVEL: 'warn',
  })
  const probe = async (kind: string) => {
    const answer = await fetch(`${service.url}/health/${kind}`)
    return { status: answer.status, body: (await answer.json()) as object }
  }
  expect(await probe('live')).toMatchObject({ status: 200 })
  expect(await probe('startup')).toMatchObject({
    status: 503,
    body: { status: 'starting', checks: { migrated: { status: 'down' } } },
  })
  expect(await probe('ready')).toMatchObject({
    status: 503,
    body: { status: 'not_ready', checks: { postgres: { status: 'up' } } },
  })
  await migrateWallet(database.db)
  expect(await probe('ready')).toMatchObject({ status: 200 })
  expect(await probe('startup')).toEqual({ status: 200, body: { status: 'started', checks: {} } })
  await sql`alter schema ledger rename to elsewhere`.execute(database.db)
  expect(await probe('startup')).toMatchObject({ status: 200 })
})
