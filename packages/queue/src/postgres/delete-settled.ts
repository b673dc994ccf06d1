import type { Query } from './query.ts'

/*
 * In small batches so that no row stays locked long; rows another relay deletes are skipped. A row that
 * was cancelled while a relay had it in hand may be confirmed yet, and then it was sent: it stays until
 * its claim has ended.
 */
const remove = (schema: string): string => `
  delete from ${schema}.outbox
  where seq in (
    select seq from ${schema}.outbox o
    where state in ('sent', 'cancelled')
      and (state = 'sent' or not exists (select 1 from ${schema}.claim c where o.seq = any (c.seqs)))
      and settled_at < now() - $1 * interval '1 millisecond'
    order by settled_at
    limit $2
    for update skip locked
  )
  returning 1`

/** Deletes sent and cancelled rows older than the retention; returns how many. */
export async function deleteSettled(
  query: Query,
  schema: string,
  retentionMs: number,
  limit: number,
): Promise<number> {
  const rows = await query(remove(schema), [retentionMs, limit])
  return rows.length
}
