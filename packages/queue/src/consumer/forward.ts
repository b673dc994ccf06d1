import type { ConsumeMessage, MessageProperties, Options } from 'amqplib'
import { ATTEMPT_HEADER, OWN_HEADER, REASON_HEADER } from '../envelope.ts'
import type { Outgoing } from '../envelope.ts'
import type { ParkReason } from '../events.ts'
import { errorText } from '../reporter.ts'
import { uuidv7 } from '../uuid.ts'

/*
 * Set by brokers as they move messages (they would pile up, and RabbitMQ's loop detection reads
 * x-death), or read by them: CC and BCC would send copies elsewhere.
 */
const BROKER_HEADERS =
  /^(x-death|x-(first|last)-death-.*|x-delivery-count|x-acquired-count|CC|BCC)$/

/** Said about an earlier stay in a parking queue; out of date once the message was put back. */
const PARKING_HEADERS = new Set([
  REASON_HEADER,
  ...['error', 'attempts', 'consumer', 'queue', 'parked-at', 'first-seen-at'].map(
    (name) => `${OWN_HEADER}${name}`,
  ),
])

const MAX_ERROR_BYTES = 4_096

/** A message for the wait queue: the same bytes, one attempt more. */
export function forRetry(message: ConsumeMessage, queue: string, failed: number): Outgoing {
  return forward(message, queue, { [ATTEMPT_HEADER]: failed })
}

/** Why, when and from where a message was parked; goes into its headers. */
export interface ParkingNote {
  readonly consumer: string
  readonly queue: string
  readonly reason: ParkReason
  readonly error: unknown
  readonly attempts: number
  readonly firstSeenAt: string | undefined
}

/** A message for the parking queue: the same bytes, with the reason in its headers. */
export function forParking(
  message: ConsumeMessage,
  parkingQueue: string,
  note: ParkingNote,
): Outgoing {
  return forward(message, parkingQueue, {
    [REASON_HEADER]: note.reason,
    [`${OWN_HEADER}error`]: truncate(describe(note.error)),
    [`${OWN_HEADER}attempts`]: note.attempts,
    [`${OWN_HEADER}consumer`]: note.consumer,
    [`${OWN_HEADER}queue`]: note.queue,
    [`${OWN_HEADER}parked-at`]: new Date().toISOString(),
    ...(note.firstSeenAt === undefined ? {} : { [`${OWN_HEADER}first-seen-at`]: note.firstSeenAt }),
  })
}

/**
 * A parked message for its work queue: the same bytes and id. The reason stays, because a consumer
 * knows by it that the tries start anew; the rest of the note is out of date.
 */
export function forRedrive(
  message: ConsumeMessage,
  queue: string,
  reason: string,
  redriveId: string,
): Outgoing {
  return forward(message, queue, {
    [REASON_HEADER]: reason,
    [`${OWN_HEADER}redrive`]: redriveId,
  })
}

function forward(
  message: ConsumeMessage,
  queue: string,
  added: Record<string, string | number>,
): Outgoing {
  const { properties, fields, content } = message
  const headers: Record<string, unknown> = {
    // Where it was published first; what comes back from a wait queue has lost that.
    [`${OWN_HEADER}exchange`]: fields.exchange,
    [`${OWN_HEADER}routing-key`]: fields.routingKey,
  }
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (!BROKER_HEADERS.test(name) && !PARKING_HEADERS.has(name)) headers[name] = value
  }
  const messageId = (properties.messageId as string | undefined) ?? `unnamed-${uuidv7()}`
  return {
    exchange: '',
    routingKey: queue,
    messageId,
    type: (properties.type as string | undefined) ?? '',
    key: messageId,
    headers: { ...headers, ...added },
    body: content,
    properties: kept(properties),
  }
}

const KEPT = [
  'contentType',
  'contentEncoding',
  'correlationId',
  'replyTo',
  'timestamp',
  'type',
  'appId',
  'priority',
] as const

function kept(properties: MessageProperties): Options.Publish {
  return Object.fromEntries(KEPT.map((name) => [name, properties[name]]))
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return errorText(error)
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : ''
  return (error.stack ?? `${error.name}: ${error.message}`) + cause
}

function truncate(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= MAX_ERROR_BYTES) return text
  return `${bytes.subarray(0, MAX_ERROR_BYTES).toString().replace(/�+$/, '')}…`
}
