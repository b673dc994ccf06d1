// The command as a process of its own, on a real database: what a CronJob and a container start.
import { fileURLToPath } from 'node:url'
import type { Kysely } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, spawnChild, waitFor } from '@payflow/testkit'
import { addPayments, statusOf, testDatabase } from './support/payments.ts'
import type { PaymentsDatabase } from './support/payments.ts'

const config = fileURLToPath(new URL('./support/cli-config.ts', import.meta.url))
let database: Awaited<ReturnType<typeof createTestDatabase>>
let db: Kysely<PaymentsDatabase>

beforeAll(async () => {
  database = await createTestDatabase(testDatabase)
  db = database.db as Kysely<PaymentsDatabase>
})
afterAll(() => database.dispose())

const command = (args: readonly string[], databaseUrl: string = database.url) =>
  spawnChild(new URL('../src/bin.ts', import.meta.url), {
    args: [...args, '--config', config],
    env: { DATABASE_URL: databaseUrl },
  })

describe('payflow-reversal', () => {
  it('runs once, prints what it did, and ends with 0', async () => {
    await addPayments(db, 100, { status: 'COMPLETED' })
    await addPayments(db, 7)
    const report = await command(['report', '--json'])
    expect(await report.exited).toMatchObject({ code: 0 })
    expect(JSON.parse(report.stdout())).toMatchObject({ undispatched: { count: 7 } })
    const run = await command(['run', '--json'])
    expect(await run.exited).toMatchObject({ code: 0 })
    expect(JSON.parse(run.stdout())).toMatchObject({ scanned: 7, reversed: 7, endedBy: 'done' })
  })

  it('watches until SIGTERM and ends with 0', async () => {
    const watch = await command(['watch', '--interval-ms', '50'])
    await waitFor(() => watch.stdout().split('\n').length > 2)
    const [id = ''] = await addPayments(db, 1)
    await waitFor(async () => (await statusOf(db, id)) === 'FAILED')
    expect(await watch.kill('SIGTERM')).toMatchObject({ code: 0, signal: null })
  })

  it('ends with 1 when the database is away', async () => {
    const nowhere = new URL(database.url)
    nowhere.port = '1'
    const run = await command(['run'], nowhere.href)
    expect(await run.exited).toMatchObject({ code: 1 })
    expect(run.stderr()).toContain('ECONNREFUSED')
  })
})
