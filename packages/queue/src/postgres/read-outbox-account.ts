import type { OutboxAccount } from '../operator/types.ts'
import type { Query } from './query.ts'

/* One statement, so one snapshot: marking and counting commit together, and so are seen together. */
const read = (schema: string): string => `
  with state as (
    select state, count(*) as present, 0::bigint as removed from ${schema}.outbox group by state
    union all
    select state, 0, removed from ${schema}.outbox_removed
  )
  select
    coalesce(sum(present + removed), 0)::float8 as inserted,
    (select coalesce(sum(confirmed), 0) from ${schema}.outbox_confirmed)::float8 as confirmed,
    coalesce(sum(present + removed) filter (where state = 'sent'), 0)::float8 as sent,
    coalesce(sum(present) filter (where state = 'pending'), 0)::float8 as pending,
    coalesce(sum(present) filter (where state = 'parked'), 0)::float8 as parked,
    coalesce(sum(present + removed) filter (where state = 'cancelled'), 0)::float8 as cancelled,
    coalesce(sum(removed) filter (where state in ('pending', 'parked')), 0)::float8 as lost
  from state`

/** What became of every row of the outbox. */
export async function readOutboxAccount(query: Query, schema: string): Promise<OutboxAccount> {
  const [row] = await query<OutboxAccount>(read(schema))
  if (row === undefined) throw new Error('A statement without a condition returned no row')
  return row
}
