import type { InboxVerdict } from './insert-inbox.ts'
import type { Query } from './query.ts'

/** A message as the inbox knows it. */
export interface InboxEntry {
  readonly id: string
  readonly hash: Buffer
}

/*
 * The same locks as insert-inbox.ts takes, one index entry a message, for a whole batch. `order by`
 * is what keeps two processes with some messages in common from a deadlock: both take the entries in
 * the same order, so one of them waits for the other and never the other way round as well.
 */
const insert = (schema: string): string => `
  insert into ${schema}.inbox (consumer, message_id, payload_hash)
  select $1, m.id, m.hash
  from unnest($2::text[], $3::bytea[]) as m (id, hash)
  order by m.id
  on conflict on constraint inbox_pkey do nothing
  returning message_id as id`

/* No lock: a committed row never changes. */
const find = (schema: string): string => `
  select i.message_id as id, i.payload_hash = m.hash as same
  from unnest($2::text[], $3::bytea[]) as m (id, hash)
  join ${schema}.inbox i on i.consumer = $1 and i.message_id = m.id`

/**
 * Claims messages for this transaction; says of each whether it is new, was committed before, or
 * bears the id of another that was. The ids must differ.
 */
export async function insertInboxBatch(
  query: Query,
  schema: string,
  consumer: string,
  entries: readonly InboxEntry[],
): Promise<Map<string, InboxVerdict>> {
  const verdicts = new Map<string, InboxVerdict>()
  for (let rest = entries; rest.length > 0;) {
    const inserted = await query<{ id: string }>(insert(schema), parameters(consumer, rest))
    for (const { id } of inserted) verdicts.set(id, 'new')
    rest = rest.filter(({ id }) => !verdicts.has(id))
    if (rest.length === 0) break
    const found = await findInboxBatch(query, schema, consumer, rest)
    // Only what was inserted may pass for new: a row may have been deleted for its age meanwhile.
    for (const [id, verdict] of found) if (verdict !== 'new') verdicts.set(id, verdict)
    rest = rest.filter(({ id }) => !verdicts.has(id))
  }
  return verdicts
}

/** The same question, asked without claiming anything. */
export async function findInboxBatch(
  query: Query,
  schema: string,
  consumer: string,
  entries: readonly InboxEntry[],
): Promise<Map<string, InboxVerdict>> {
  type Row = { id: string; same: boolean }
  const rows = await query<Row>(find(schema), parameters(consumer, entries))
  const found = new Map(rows.map(({ id, same }) => [id, same]))
  return new Map(
    entries.map(({ id }) => {
      const same = found.get(id)
      return [id, same === undefined ? 'new' : same ? 'duplicate' : 'id-reuse']
    }),
  )
}

function parameters(consumer: string, entries: readonly InboxEntry[]): readonly unknown[] {
  return [consumer, entries.map(({ id }) => id), entries.map(({ hash }) => hash)]
}
