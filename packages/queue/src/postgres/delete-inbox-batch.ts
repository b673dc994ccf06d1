import type { Query } from './query.ts'

/* Rows of our own transaction, which nobody else has seen: a twin still waits for its end. */
const remove = (schema: string): string => `
  delete from ${schema}.inbox where consumer = $1 and message_id = any($2::text[])`

/** Gives up the claims of messages that this transaction will not record after all. */
export async function deleteInboxBatch(
  query: Query,
  schema: string,
  consumer: string,
  messageIds: readonly string[],
): Promise<void> {
  await query(remove(schema), [consumer, messageIds])
}
