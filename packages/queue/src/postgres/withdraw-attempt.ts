import type { Query } from './query.ts'

/* Runs alone. The row is locked for the length of the statement, no longer. */
const withdraw = (schema: string): string => `
  update ${schema}.attempt
  set started = greatest(started - 1, 0), updated_at = now()
  where consumer = $1 and message_id = $2`

/** Takes back a started try that neither failed nor succeeded: the message is given back. */
export async function withdrawAttempt(
  query: Query,
  schema: string,
  consumer: string,
  messageId: string,
): Promise<void> {
  await query(withdraw(schema), [consumer, messageId])
}
