import { byteaLiteral, textLiteral } from './literal.ts'

/*
 * The same lock as insertInbox takes, but it answers a conflict with an error, because it shares a
 * message with BEGIN, and of such a message the driver gives no results. For what was not delivered
 * before: then a conflict is rare, and the round trip that is saved is one of four.
 *
 * Not ON CONFLICT DO NOTHING: that would be silent, and the handler, which must not be called for a
 * duplicate, would be called before anybody can ask whether a row was inserted. Asking first is the
 * round trip that this saves, for every message; the price of the error is one more transaction for
 * each duplicate, and a line in PostgreSQL's log, which only a superuser could keep out of it. Such
 * duplicates come from publishing twice (a confirm that was lost, a relay that died), not from the
 * broker, whose redeliveries are marked and take the other way.
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
