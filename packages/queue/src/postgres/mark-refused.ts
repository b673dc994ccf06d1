import type { Query } from './query.ts'

/** What the broker said about a row it did not take. */
export interface Refusal {
  readonly seq: string
  readonly epoch: string
  readonly error: string
  readonly park: boolean
  readonly retryInMs: number
}

/* Fenced by the epoch like every write of a relay; row locks last for the statement. */
const mark = (schema: string): string => `
  update ${schema}.outbox o
  set
    attempts = o.attempts + 1,
    last_error = r.error,
    state = case when r.park then 'parked' else o.state end,
    settled_at = case when r.park then now() end,
    available_at = now() + r.retry_in_ms * interval '1 millisecond'
  from unnest($1::bigint[], $2::bigint[], $3::text[], $4::boolean[], $5::integer[])
      as r (seq, epoch, error, park, retry_in_ms),
    ${schema}.partition p
  where o.seq = r.seq and o.state = 'pending' and p.id = o.partition and p.epoch = r.epoch`

/** Counts refusals; parks what was refused too often. */
export async function markRefused(
  query: Query,
  schema: string,
  refusals: readonly Refusal[],
): Promise<void> {
  await query(mark(schema), [
    refusals.map((refusal) => refusal.seq),
    refusals.map((refusal) => refusal.epoch),
    refusals.map((refusal) => refusal.error.slice(0, 2_000)),
    refusals.map((refusal) => refusal.park),
    refusals.map((refusal) => refusal.retryInMs),
  ])
}
