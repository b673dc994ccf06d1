import type { ConsumerAccount } from '../operator/types.ts'
import type { Query } from './query.ts'

/*
 * A process that has not written for a minute and did not say that it ended is gone. Counts are
 * written after their commits, so in one snapshot the inbox is never behind them.
 */
const read = (schema: string): string => `
  select
    c.consumer,
    sum(c.delivered)::float8 as delivered, sum(c.committed)::float8 as committed,
    sum(c.duplicate)::float8 as duplicate, sum(c.retried)::float8 as retried,
    sum(c.parked)::float8 as parked, sum(c.released)::float8 as released,
    sum(c.abandoned)::float8 as abandoned, sum(c.in_flight)::float8 as "inFlight",
    (select count(*) from ${schema}.inbox i where i.consumer = c.consumer)::float8 as "inboxRows",
    (select coalesce(sum(r.removed), 0) from ${schema}.inbox_removed r
      where r.consumer = c.consumer)::float8 as "inboxRemoved",
    (count(*) filter (where not c.ended and c.updated_at < now() - interval '1 minute'))::float8
      as "silentProcesses"
  from ${schema}.consumer_count c
  group by c.consumer
  order by c.consumer`

/** What every consumer counted, beside what its inbox holds. */
export async function readConsumerAccounts(
  query: Query,
  schema: string,
): Promise<ConsumerAccount[]> {
  return await query<ConsumerAccount>(read(schema))
}
