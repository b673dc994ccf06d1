import type { Query } from './query.ts'

/* One row a state instead of one a deletion. Skips what another sweep folds. */
const fold = (schema: string): string => `
  with folded as (
    delete from ${schema}.outbox_removed where ctid in (
      select ctid from ${schema}.outbox_removed for update skip locked
    )
    returning state, removed
  )
  insert into ${schema}.outbox_removed (state, removed)
  select state, sum(removed) from folded group by state`

/** Keeps the account of deleted outbox rows short. */
export async function foldOutboxRemoved(query: Query, schema: string): Promise<void> {
  await query(fold(schema))
}
