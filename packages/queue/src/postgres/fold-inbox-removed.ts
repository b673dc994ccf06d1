import type { Query } from './query.ts'

/* One row a consumer instead of one a deletion. Skips what another sweep folds. */
const fold = (schema: string): string => `
  with folded as (
    delete from ${schema}.inbox_removed where ctid in (
      select ctid from ${schema}.inbox_removed for update skip locked
    )
    returning consumer, removed, committed_until
  )
  insert into ${schema}.inbox_removed (consumer, removed, committed_until)
  select consumer, sum(removed), max(committed_until) from folded group by consumer`

/** Keeps the account of forgotten ids short. */
export async function foldInboxRemoved(query: Query, schema: string): Promise<void> {
  await query(fold(schema))
}
