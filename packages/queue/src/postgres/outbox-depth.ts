import type { OutboxDepth } from '../types.ts'
import type { Query } from './query.ts'

/* Reads without locks; both counts come from partial indexes. */
const depth = (schema: string): string => `
  select
    (select count(*)::integer from ${schema}.outbox where state = 'pending') as pending,
    (select count(*)::integer from ${schema}.outbox where state = 'parked') as parked,
    coalesce((
      select greatest(extract(epoch from clock_timestamp() - created_at) * 1000, 0)::float8
      from ${schema}.outbox where state = 'pending' order by seq limit 1
    ), 0) as "oldestAgeMs"`

/** What waits in the outbox. */
export async function outboxDepth(query: Query, schema: string): Promise<OutboxDepth> {
  const [row] = await query<OutboxDepth>(depth(schema))
  return {
    pending: Number(row?.pending ?? 0),
    parked: Number(row?.parked ?? 0),
    oldestAgeMs: Math.round(Number(row?.oldestAgeMs ?? 0)),
  }
}
