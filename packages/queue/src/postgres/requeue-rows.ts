import type { OutboxFilter } from '../operator/types.ts'
import { filterArrays } from './list-parked-rows.ts'
import type { Query } from './query.ts'

/*
 * Locks the rows it changes until the operator's transaction ends; another requeue skips them. No relay
 * touches a parked row. `claimed_at` stays, so `cancel` goes on saying that the broker may have it.
 */
const requeue = (schema: string): string => `
  update ${schema}.outbox
  set state = 'pending', attempts = 0, settled_at = null, available_at = '-infinity'
  where seq in (
    select seq from ${schema}.outbox
    where state = 'parked'
      and ($1::text[] is null or id = any($1))
      and ($2::text[] is null or type = any($2))
      and ($3::text[] is null or key = any($3))
    order by seq
    limit $4
    for no key update skip locked
  )
  returning 1`

/** Gives parked rows back to the relays; returns how many. */
export async function requeueRows(
  query: Query,
  schema: string,
  where: OutboxFilter,
  limit: number,
): Promise<number> {
  const rows = await query(requeue(schema), [...filterArrays(where), limit])
  return rows.length
}
