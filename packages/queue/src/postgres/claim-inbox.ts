import { byteaLiteral, textLiteral } from './literal.ts'

/*
 * The same lock as insertInbox takes, but it answers a conflict with an error, because it shares a
 * message with BEGIN, and of such a message the driver gives no results. For what was not delivered
 * before: then a conflict is rare, and the round trip that is saved is one of four.
 */
const insert = (schema: string, values: string): string => `
  insert into ${schema}.inbox (consumer, message_id, payload_hash) values (${values})`

/** A statement that claims a message for its transaction, or fails with {@link isClaimed}. */
export function claimInbox(
  schema: string,
  consumer: string,
  messageId: string,
  hash: Buffer,
): string {
  const values = [textLiteral(consumer), textLiteral(messageId), byteaLiteral(hash)]
  return insert(schema, values.join(', '))
}

/** The message was committed before, perhaps with another body. */
export function isClaimed(error: unknown): boolean {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown }
  return code === '23505' && constraint === 'inbox_pkey'
}
