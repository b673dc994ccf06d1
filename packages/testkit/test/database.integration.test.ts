// Goal: every test database starts from the migrated state and nobody sees another's changes.
// Method: two databases from one template; what is written in one is looked for in the other.
import { sql, type Kysely } from 'kysely'
import { afterAll, describe, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../src/index.ts'

let migrations = 0
const migrate = async (db: Kysely<any>) => {
  migrations += 1
  await sql`CREATE TABLE public.note (id integer PRIMARY KEY)`.execute(db)
}
const opened: TestDatabase[] = []
const open = async (cacheKey?: string) => {
  const database = await createTestDatabase({ migrate, ...(cacheKey ? { cacheKey } : {}) })
  opened.push(database)
  return database
}
const count = async ({ pool }: TestDatabase) =>
  (await pool.query<{ n: number }>('SELECT count(*)::int AS n FROM public.note')).rows[0]?.n

afterAll(async () => {
  for (const database of opened) await database.dispose()
})

describe('createTestDatabase', () => {
  test('copies a template that is migrated once per key', async () => {
    const [one, two, three] = await Promise.all([open('notes'), open('notes'), open('notes')])
    expect(migrations).toBe(1)
    await one.pool.query('INSERT INTO public.note VALUES (1)')
    expect(await Promise.all([one, two, three].map(count))).toEqual([1, 0, 0])
  })

  test('migrates the database itself when it has no key', async () => {
    const before = migrations
    expect(await count(await open())).toBe(0)
    expect(migrations).toBe(before + 1)
  })

  test('dispose drops the database although others are connected to it', async () => {
    const doomed = await open('notes')
    const survivor = await open('notes')
    await doomed.pool.query('SELECT 1')
    await doomed.dispose()
    await doomed.dispose()
    const found = await survivor.pool.query('SELECT 1 FROM pg_database WHERE datname = $1', [
      doomed.name,
    ])
    expect(found.rowCount).toBe(0)
  })
})
