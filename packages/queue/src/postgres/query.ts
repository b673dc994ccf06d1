import { CompiledQuery } from 'kysely'
import type { DatabaseConnection, Kysely } from 'kysely'

/** Runs one statement and returns its rows. */
export type Query = <Row>(text: string, parameters?: readonly unknown[]) => Promise<Row[]>

/** Statements by a Kysely or a transaction; its plugins don't touch our rows. */
export function queryThrough(db: Kysely<any>): Query {
  const plain = db.withoutPlugins()
  return async <Row>(text: string, parameters: readonly unknown[] = []) => {
    const result = await plain.executeQuery(CompiledQuery.raw(text, [...parameters]))
    return result.rows as Row[]
  }
}

/** Statements on one connection, for the transaction that is open on it. */
export function queryOn(connection: DatabaseConnection): Query {
  return async <Row>(text: string, parameters: readonly unknown[] = []) => {
    const result = await connection.executeQuery<Row>(CompiledQuery.raw(text, [...parameters]))
    return result.rows
  }
}
