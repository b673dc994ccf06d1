import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { bodySchema, effectOf, insertEffect } from './contender.ts'
import type { Committed } from './contender.ts'

/** What every peer's handler does: one transaction with the effect in it. */
export interface Effects {
  handle(id: string, body: unknown): Promise<void>
  close(): Promise<void>
}

export function openEffects(databaseUrl: string, max: number, committed: Committed): Effects {
  const pool = new pg.Pool({ connectionString: databaseUrl, max })
  const db = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  return {
    async handle(id, unknownBody) {
      const body = bodySchema.parse(unknownBody)
      await db.transaction().execute(async (trx) => {
        await trx.executeQuery(CompiledQuery.raw(insertEffect, effectOf({ id, body })))
      })
      committed(1, body)
    },
    close: () => db.destroy(),
  }
}
