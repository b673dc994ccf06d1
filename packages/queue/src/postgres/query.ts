import { CompiledQuery } from 'kysely'
import type { DatabaseConnection, Kysely } from 'kysely'
import { QueueError } from '../errors.ts'
import { isNotMigrated } from './pg-errors.ts'

/** Runs one statement and returns its rows. */
export type Query = <Row>(text: string, parameters?: readonly unknown[]) => Promise<Row[]>

/** Statements by a Kysely or a transaction; its plugins don't touch our rows. */
export function queryThrough(db: Kysely<any>): Query {
  const plain = db.withoutPlugins()
  return async <Row>(text: string, parameters: readonly unknown[] = []) => {
    const result = await plain
      .executeQuery(CompiledQuery.raw(text, [...parameters]))
      .catch(nameMissingTables)
    return result.rows as Row[]
  }
}

/** Statements on one connection, for the transaction that is open on it. */
export function queryOn(connection: DatabaseConnection): Query {
  return async <Row>(text: string, parameters: readonly unknown[] = []) => {
    const result = await connection
      .executeQuery<Row>(CompiledQuery.raw(text, [...parameters]))
      .catch(nameMissingTables)
    return result.rows
  }
}

/** Every statement here is ours, so a missing table is one of ours, and there is one thing to do. */
function nameMissingTables(error: unknown): never {
  if (!isNotMigrated(error)) throw error
  const { message } = error as Error
  throw new QueueError(`The queue's tables are missing or too old (${message}): run migrateQueue`, {
    code: 'QUEUE_NOT_MIGRATED',
    retryable: false,
    cause: error,
  })
}
