import type { InboxVerdict } from './insert-inbox.ts'
import type { Query } from './query.ts'

/* No lock: a committed row never changes, and an uncommitted one is not visible. */
const find = (schema: string): string => `
  select payload_hash = $3 as same
  from ${schema}.inbox
  where consumer = $1 and message_id = $2`

/** Whether a message was committed, and with the same content. */
export async function findInbox(
  query: Query,
  schema: string,
  consumer: string,
  messageId: string,
  hash: Buffer,
): Promise<InboxVerdict> {
  const [row] = await query<{ same: boolean }>(find(schema), [consumer, messageId, hash])
  if (row === undefined) return 'new'
  return row.same ? 'duplicate' : 'id-reuse'
}
