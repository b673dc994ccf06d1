import type { Query } from './query.ts'

/** What the inbox remembers: the database's time, and up to which commit each consumer has forgotten. */
export interface InboxMemory {
  readonly nowMs: number
  readonly forgottenUntilMs: ReadonlyMap<string, number>
}

/* Reads without locks; a row for each deletion that was not folded together yet. */
const read = (schema: string): string => `
  select
    (extract(epoch from clock_timestamp()) * 1000)::float8 as "nowMs",
    r.consumer,
    (extract(epoch from r.committed_until) * 1000)::float8 as "untilMs"
  from (select 1) as always
  left join (
    select consumer, max(committed_until) as committed_until
    from ${schema}.inbox_removed group by consumer
  ) r on true`

/** Asks what the inbox has forgotten. */
export async function readMemory(query: Query, schema: string): Promise<InboxMemory> {
  type Row = { nowMs: number; consumer: string | null; untilMs: number | null }
  const rows = await query<Row>(read(schema))
  const forgotten = new Map<string, number>()
  for (const { consumer, untilMs } of rows) {
    if (consumer !== null && untilMs !== null) forgotten.set(consumer, Number(untilMs))
  }
  return { nowMs: Number(rows[0]?.nowMs), forgottenUntilMs: forgotten }
}
