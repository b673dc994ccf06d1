import type { ConsumerCounts } from '../types.ts'
import type { Query } from './query.ts'

/* Totals of a process, not increments: written twice, or after a failover again, they stay right. */
const save = (schema: string): string => `
  insert into ${schema}.consumer_count (
    consumer, process, delivered, committed, duplicate, retried, parked, released, abandoned,
    in_flight, ended
  ) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  on conflict on constraint consumer_count_pkey
  do update set
    delivered = excluded.delivered, committed = excluded.committed,
    duplicate = excluded.duplicate, retried = excluded.retried, parked = excluded.parked,
    released = excluded.released, abandoned = excluded.abandoned,
    in_flight = excluded.in_flight, ended = excluded.ended, updated_at = now()`

/** Writes down what a consumer of this process has counted so far. */
export async function saveCounts(
  query: Query,
  schema: string,
  process: { readonly id: string; readonly consumer: string; readonly ended: boolean },
  counts: ConsumerCounts,
): Promise<void> {
  const { delivered, committed, duplicate, retried, parked, released, abandoned, inFlight } = counts
  const settled = [delivered, committed, duplicate, retried, parked, released, abandoned, inFlight]
  await query(save(schema), [process.consumer, process.id, ...settled, process.ended])
}
