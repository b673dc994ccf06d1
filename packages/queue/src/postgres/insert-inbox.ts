import { findInbox } from './find-inbox.ts'
import type { Query } from './query.ts'

/** What the inbox says about a message. */
export type InboxVerdict = 'new' | 'duplicate' | 'id-reuse'

/*
 * The insert takes the only lock there is on a message: its index entry. A twin of the same delivery
 * waits on it until this transaction ends, then inserts (we rolled back) or finds the row (we
 * committed). It comes first in the transaction, so a twin waits before it has done any work.
 */
const insert = (schema: string): string => `
  insert into ${schema}.inbox (consumer, message_id, payload_hash)
  values ($1, $2, $3)
  on conflict on constraint inbox_pkey do nothing
  returning 1`

/** Claims a message for this transaction, or says that it was committed before. */
export async function insertInbox(
  query: Query,
  schema: string,
  consumer: string,
  messageId: string,
  hash: Buffer,
): Promise<InboxVerdict> {
  for (;;) {
    const inserted = await query(insert(schema), [consumer, messageId, hash])
    if (inserted.length === 1) return 'new'
    const seen = await findInbox(query, schema, consumer, messageId, hash)
    // Only what was inserted may pass for new: the row may have been deleted for its age meanwhile.
    if (seen !== 'new') return seen
  }
}
