import type { MessageProperties, Options, XDeath } from 'amqplib'

/** A message as the broker has it. */
export interface StoredMessage {
  readonly exchange: string
  readonly routingKey: string
  readonly properties: MessageProperties
  readonly content: Buffer
  /** Times it was given back or lost its consumer: what `x-delivery-limit` limits. */
  returns: number
  /** Its queue says how often it was delivered before: quorum queues do. */
  readonly counted?: boolean
  /** By `performance.now()`; `undefined` when it does not expire. */
  expiresAt: number | undefined
}

/** Fills in every property, as a delivery has them. */
export function propertiesOf(options: Options.Publish): MessageProperties {
  const { persistent, deliveryMode, expiration } = options
  const mode = persistent === undefined ? deliveryMode : persistent ? 2 : 1
  return {
    contentType: options.contentType,
    contentEncoding: options.contentEncoding,
    headers: { ...options.headers },
    deliveryMode: mode === true ? 2 : mode === false ? undefined : mode,
    priority: options.priority,
    correlationId: options.correlationId,
    replyTo: options.replyTo,
    expiration: expiration === undefined ? undefined : String(expiration),
    messageId: options.messageId,
    timestamp: options.timestamp,
    type: options.type,
    userId: options.userId,
    appId: options.appId,
    clusterId: undefined,
  }
}

/** Why a message left a queue for another one. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

interface Death {
  count: number
  readonly reason: DeathReason
  readonly queue: string
  readonly exchange: string
  readonly 'routing-keys': readonly string[]
  readonly time: { readonly '!': 'timestamp'; readonly value: number }
}

/** The headers of a dead-lettered message: where it died and why, newest first. */
export function withDeath(
  message: StoredMessage,
  queue: string,
  reason: DeathReason,
): MessageProperties {
  const headers = { ...message.properties.headers }
  const deaths = ((headers['x-death'] ?? []) as Death[]).map((death) => ({ ...death }))
  const known = deaths.findIndex((death) => death.queue === queue && death.reason === reason)
  const [before] = known === -1 ? [] : deaths.splice(known, 1)
  deaths.unshift({
    count: (before?.count ?? 0) + 1,
    reason,
    queue,
    exchange: before?.exchange ?? message.exchange,
    'routing-keys': before?.['routing-keys'] ?? [message.routingKey],
    time: before?.time ?? { '!': 'timestamp', value: Math.floor(Date.now() / 1_000) },
  })
  headers['x-death'] = deaths as unknown as XDeath[]
  headers['x-first-death-exchange'] ??= message.exchange
  headers['x-first-death-queue'] ??= queue
  headers['x-first-death-reason'] ??= reason
  return { ...message.properties, headers, expiration: undefined }
}
