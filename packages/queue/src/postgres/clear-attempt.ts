import type { Query } from './query.ts'

/* In the handler's transaction on success: the count is gone exactly when the effects are there. */
const clear = (schema: string): string => `
  delete from ${schema}.attempt where consumer = $1 and message_id = $2`

/** Forgets the tries of a message that is done with. */
export async function clearAttempt(
  query: Query,
  schema: string,
  consumer: string,
  messageId: string,
): Promise<void> {
  await query(clear(schema), [consumer, messageId])
}
