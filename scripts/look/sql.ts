import type { StackEntry } from '@payflow-app/stack'
import pg from 'pg'

export type Database = 'auth' | 'wallet' | 'transaction' | 'notification'
export type Row = Readonly<Record<string, unknown>>

export function isDatabase(name: string): name is Database {
  return ['auth', 'wallet', 'transaction', 'notification'].includes(name)
}

/** Runs one statement in one service's database; it can change nothing and takes ten seconds at most. */
export async function runSql(
  entries: readonly StackEntry[],
  database: Database,
  statement: string,
  values: readonly unknown[] = [],
): Promise<readonly Row[]> {
  const url = new URL(entryOf(entries, 'postgres').url)
  url.pathname = `/payflow_${database}`
  const client = new pg.Client({ connectionString: url.href, statement_timeout: 10_000 })
  await client.connect()
  try {
    await client.query('begin transaction read only')
    return (await client.query(statement, [...values])).rows as Row[]
  } finally {
    await client.end()
  }
}

export function entryOf(entries: readonly StackEntry[], kind: StackEntry['kind']): StackEntry {
  const entry = entries.find((candidate) => candidate.kind === kind)
  if (entry === undefined) throw new Error(`the running stack has no ${kind}`)
  return entry
}
