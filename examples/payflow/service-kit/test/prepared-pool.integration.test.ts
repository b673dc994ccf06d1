/*
 * Goal: statements are prepared where that is safe, and a connection that has lost one goes on.
 * Method: a real PostgreSQL, asked what it has prepared.
 */
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDatabase, createLogger, isDatabaseUnavailable, type Database } from '../src/index.ts'

let server: TestDatabase
let database: Database<any>

beforeAll(async () => {
  server = await createTestDatabase()
  await sql`create table thing (id int primary key, name text)`.execute(server.db)
  await sql`insert into thing values (1, 'one'), (2, 'two')`.execute(server.db)
  database = createDatabase({
    url: server.url,
    applicationName: 'kit',
    logger: createLogger({ service: 'kit', destination: { write: () => undefined } }),
    poolMax: 1,
  })
})

afterAll(async () => {
  await database.close()
  await server.dispose()
})

const find = async (id: number): Promise<unknown> =>
  (await sql<{ name: string }>`select * from thing where id = ${id}`.execute(database.db)).rows[0]

async function prepared(): Promise<string[]> {
  const { rows } = await sql<{ statement: string }>`
    select statement from pg_prepared_statements`.execute(database.db)
  return rows.map(({ statement }) => statement)
}

describe('a statement', () => {
  test('with values is prepared once; one that looks by an order, a limit or a list is not', async () => {
    expect([await find(1), await find(2)]).toMatchObject([{ name: 'one' }, { name: 'two' }])
    await sql`select id from thing where id > ${0} order by id`.execute(database.db)
    await sql`select id from thing where id > ${0} LIMIT 1`.execute(database.db)
    await sql`select id from thing where id = any(${[1]}::int[])`.execute(database.db)
    expect(await prepared()).toEqual(['select * from thing where id = $1'])
  })

  test('that inserts the rows it was given is prepared, unless it looks for others', async () => {
    const [ids, names] = [
      [10, 11],
      ['ten', 'eleven'],
    ]
    const given = sql`from unnest(${ids}::int[], ${names}::text[]) as given (id, name)`
    await sql`insert into thing (id, name) select id, name ${given} order by id`.execute(
      database.db,
    )
    await sql`insert into thing (id, name) select given.id + 10, given.name ${given}
      join thing on thing.id = given.id order by given.id`.execute(database.db)
    await sql`insert into thing (id) select id + ${1000} from thing order by id`.execute(
      database.db,
    )
    const inserts = (await prepared()).filter((text) =>
      text.startsWith('insert into thing (id, name)'),
    )
    expect(inserts).toEqual([expect.stringMatching(/order by id$/)])
    expect(await prepared()).not.toContainEqual(expect.stringContaining('from thing order by'))
    await sql`delete from thing where id >= ${10}`.execute(database.db)
  })

  test.each([
    ['the server has lost', 'lost', sql`deallocate all`],
    ['has another shape since a migration', 'reshaped', sql`alter table thing add more int`],
  ])('that %s fails once, as passing trouble, and goes on unprepared', async (_, as, happens) => {
    const look = async (id: number): Promise<unknown> =>
      (await sql`select * from thing as ${sql.id(as)} where id = ${id}`.execute(database.db))
        .rows[0]
    await look(1)
    await happens.execute(database.db)
    const error: unknown = await look(1).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    expect(isDatabaseUnavailable(error)).toBe(true)
    expect([await look(1), await look(2)]).toMatchObject([{ name: 'one' }, { name: 'two' }])
  })

  test('that fails by itself stays prepared', async () => {
    const insert = (id: number) => sql`insert into thing (id) values (${id})`.execute(database.db)
    await expect(insert(1)).rejects.toMatchObject({ code: '23505' })
    await insert(3)
    expect(await prepared()).toContain('insert into thing (id) values ($1)')
  })
})
