import type { Outgoing } from '../envelope.ts'
import { QueueError } from '../errors.ts'
import type { Query } from './query.ts'

/*
 * One statement for all rows of a transaction, numbered in the order they were published. No lock
 * but the new rows' own. The partition comes from PostgreSQL's hash, so all writers agree; `seq` is
 * drawn while the caller holds its own lock on what the key names, hence in commit order for a key.
 */
const insert = (schema: string): string => `
  insert into ${schema}.outbox
    (id, partition, key, exchange, routing_key, type, headers, payload)
  select
    m.id, (hashtextextended(m.key, 0) & 15)::smallint, m.key, m.exchange, m.routing_key, m.type,
    m.headers::jsonb, m.payload
  from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[]
  ) with ordinality as m (id, key, exchange, routing_key, type, headers, payload, position)
  order by m.position
  on conflict on constraint outbox_id_key do nothing
  returning id`

/** Writes messages into the outbox; refuses ids that are in it already. */
export async function insertOutbox(
  query: Query,
  schema: string,
  messages: readonly Outgoing[],
): Promise<void> {
  const inserted = await query<{ id: string }>(insert(schema), [
    messages.map((message) => message.messageId),
    messages.map((message) => message.key),
    messages.map((message) => message.exchange),
    messages.map((message) => message.routingKey),
    messages.map((message) => message.type),
    messages.map((message) => JSON.stringify(message.headers)),
    messages.map((message) => message.body),
  ])
  if (inserted.length === messages.length) return
  const written = new Set(inserted.map((row) => row.id))
  const refused = messages.find((message) => !written.has(message.messageId)) ?? messages[0]
  throw new QueueError(
    `The outbox holds a message with id "${refused?.messageId}" already. One id is one message: ` +
      'leave the id out, or publish only once.',
    { code: 'QUEUE_DUPLICATE_MESSAGE_ID', retryable: false },
  )
}
