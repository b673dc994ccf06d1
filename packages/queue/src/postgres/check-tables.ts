import type { Query } from './query.ts'

/* Reads nothing and locks nothing: answers whether the tables can be reached at all. */
const check = (schema: string): string => `
  select 1 from ${schema}.inbox, ${schema}.attempt, ${schema}.outbox limit 0`

/** Rejects while the tables of the inbox and outbox are out of reach. */
export async function checkTables(query: Query, schema: string): Promise<void> {
  await query(check(schema))
}
