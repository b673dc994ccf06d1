// Literals are the only values of ours that become part of a statement's text. Whatever they hold, and
// whatever the server makes of backslashes, PostgreSQL must read what was written.
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase } from '@payflow/testkit'
import type { TestDatabase } from '@payflow/testkit'
import { byteaLiteral, textLiteral } from '../src/postgres/literal.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  await database.dispose()
})

const nasty = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({
    unit: fc.constantFrom("'", '\\', '"', '$', ';', '-', '/', '*', 'E', '\n', 'x', '0'),
  }),
)

describe('literals', () => {
  it.each(['on', 'off'])(
    'mean what they say, with standard_conforming_strings %s',
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(
          nasty.filter((text) => !text.includes('\0')),
          fc.uint8Array({ maxLength: 40 }),
          async (text, bytes) => {
            const buffer = Buffer.from(bytes)
            const read = await database.db.connection().execute(async (db) => {
              await sql`select set_config('standard_conforming_strings', ${mode}, false)`.execute(
                db,
              )
              const literals = sql.raw(
                `${textLiteral(text)} as text, ${byteaLiteral(buffer)} as bytes`,
              )
              const { rows } = await sql<{
                text: string
                bytes: Buffer
              }>`select ${literals}`.execute(db)
              await sql`reset standard_conforming_strings`.execute(db)
              return rows[0]
            })
            expect(read?.text).toBe(text)
            expect(read?.bytes.equals(buffer)).toBe(true)
          },
        ),
        { numRuns: 150 },
      )
    },
  )

  it('refuse what PostgreSQL text cannot hold', () => {
    expect(() => textLiteral('a\0b')).toThrow(RangeError)
  })
})
