import { CompiledQuery } from 'kysely'
import type { Kysely } from 'kysely'
import { IdempotencyError } from '../errors.ts'

/** Runs one statement and returns its rows. The caller's plugins do not touch our names. */
export async function query<Row>(
  db: Kysely<any>,
  text: string,
  parameters: readonly unknown[],
): Promise<Row[]> {
  try {
    const statement = CompiledQuery.raw(text, [...parameters])
    return (await db.withoutPlugins().executeQuery<Row>(statement)).rows
  } catch (cause) {
    if (!isNotMigrated(cause)) throw cause
    throw new IdempotencyError(
      'IDEMPOTENCY_GUARD_NOT_MIGRATED',
      `the guard's table is missing or too old (${(cause as Error).message}): run migrateGuard`,
      { cause },
    )
  }
}

/** No such schema, table or column: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const missing: ReadonlySet<unknown> = new Set(['3F000', '42P01', '42703'])

function isNotMigrated(error: unknown): boolean {
  return missing.has((error as { code?: unknown } | null)?.code)
}
