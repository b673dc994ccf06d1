import type { Query } from './query.ts'

/** How large the inbox is, and what is old by the database's clock. */
export interface InboxExtent {
  readonly pages: number
  /** As PostgreSQL writes it, to the microsecond. */
  readonly cutoff: string
}

/* Locks nothing. The size may grow at once; new rows are no concern of a sweep. */
const extent = (schema: string): string => `
  select
    (pg_relation_size('${schema}.inbox') / current_setting('block_size')::integer)::integer as pages,
    (now() - $1 * interval '1 millisecond')::text as cutoff`

/** Measures the inbox. */
export async function inboxExtent(
  query: Query,
  schema: string,
  retentionMs: number,
): Promise<InboxExtent> {
  const [row] = await query<InboxExtent>(extent(schema), [retentionMs])
  return { pages: Number(row?.pages ?? 0), cutoff: row?.cutoff ?? '-infinity' }
}
