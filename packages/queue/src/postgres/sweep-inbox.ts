import type { Query } from './query.ts'

/*
 * Walks the table by its pages instead of an index on the time of the commit: such an index would cost
 * every message something, and this reads the table once in its order, a bounded part a statement. Locks
 * the rows it deletes for the length of the statement; a duplicate that comes in this instant waits
 * and is then new, which the retention proof allows for. The trigger writes down what was forgotten.
 */
const sweep = (schema: string): string => `
  delete from ${schema}.inbox
  where ctid >= $1::tid and ctid < $2::tid and consumer = any($3::text[]) and committed_at < $4
  returning 1`

/** Forgets what is older than the cutoff in some pages; returns how many ids. */
export async function sweepInbox(
  query: Query,
  schema: string,
  part: { readonly fromPage: number; readonly toPage: number },
  consumers: readonly string[],
  cutoff: string,
): Promise<number> {
  const { fromPage, toPage } = part
  const rows = await query(sweep(schema), [`(${fromPage},0)`, `(${toPage},0)`, consumers, cutoff])
  return rows.length
}
