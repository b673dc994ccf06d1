import type { OutboxFilter, ParkedRow } from '../operator/types.ts'
import type { Query } from './query.ts'

/* Reads without locks, along the partial index of parked rows. */
const list = (schema: string): string => `
  select
    id, type, key, exchange, routing_key as "routingKey", attempts,
    last_error as error, created_at::text as "createdAt", settled_at::text as "parkedAt"
  from ${schema}.outbox
  where state = 'parked'
    and ($1::text[] is null or id = any($1))
    and ($2::text[] is null or type = any($2))
    and ($3::text[] is null or key = any($3))
  order by seq
  limit $4`

/** The values of a filter as the statements want them. */
export function filterArrays(where: OutboxFilter): readonly (readonly string[] | null)[] {
  return [where.id, where.type, where.key].map((value) =>
    value === undefined ? null : typeof value === 'string' ? [value] : value,
  )
}

/** Rows that relays gave up, oldest first. */
export async function listParkedRows(
  query: Query,
  schema: string,
  where: OutboxFilter,
  limit: number,
): Promise<ParkedRow[]> {
  type Row = Omit<ParkedRow, 'createdAt' | 'parkedAt' | 'error'> & {
    createdAt: string
    parkedAt: string
    error: string | null
  }
  const rows = await query<Row>(list(schema), [...filterArrays(where), limit])
  return rows.map((row) => ({
    ...row,
    error: row.error ?? undefined,
    createdAt: new Date(row.createdAt),
    parkedAt: new Date(row.parkedAt),
  }))
}
