import { createHash } from 'node:crypto'
import type { ConsumeMessage, Options } from 'amqplib'
import { InvalidMessageError, QueueError, TooLargeError } from './errors.ts'
import type { ParkReason } from './events.ts'
import type { MessageDefinition } from './message.ts'
import type { PublishOptions } from './outbox/types.ts'
import { validate } from './standard-schema.ts'
import type { BusTelemetry } from './telemetry.ts'
import { uuidv7 } from './uuid.ts'

/** A message as it goes to the broker. Headers hold its CloudEvents attributes (binary mode). */
export interface Outgoing {
  readonly exchange: string
  readonly routingKey: string
  readonly messageId: string
  readonly type: string
  readonly key: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
  /** AMQP properties that differ from the usual ones, when a foreign message is moved as it is. */
  readonly properties?: Options.Publish | undefined
}

/** What a delivery says, before its schema is consulted. */
export interface Decoded {
  readonly id: string
  readonly type: string
  readonly version: number
  readonly source: string
  readonly key: string
  readonly time: string | undefined
  readonly data: unknown
  readonly headers: Readonly<Record<string, string>>
}

/** Why a delivery can't be handled. */
export interface Undecodable {
  readonly reason: ParkReason
  readonly detail: string
}

// https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/amqp-protocol-binding.md
const CE = 'cloudEvents:'
/** Headers of ours that are not CloudEvents attributes. */
export const OWN_HEADER = 'payflow-'
/** Set on what comes back from a wait queue. */
export const ATTEMPT_HEADER: string = `${OWN_HEADER}attempt`

/** Set on what went to a parking queue, and so on what was put back from there. */
export const REASON_HEADER: string = `${OWN_HEADER}reason`

/** The frame for headers is 128 KiB; what users add and what we add must stay well below it. */
const MAX_USER_HEADER_BYTES = 16_384
const MAX_ID_LENGTH = 255

/** Where and as whom to publish. */
export interface EncodeContext {
  readonly exchange: string
  readonly source: string
  readonly maxMessageBytes: number
  readonly telemetry: BusTelemetry
}

/** How a message comes to be: in a transaction, or on its way to the broker at once. */
export type Origin = 'creating' | 'publishing'

/**
 * Encodes a message within a span of its own and lets `then` do with it what is to be done; the
 * message carries that span's trace. A trace the caller put into the headers stays.
 */
export async function encodeTraced<T>(
  origin: Origin,
  definition: MessageDefinition,
  data: unknown,
  options: PublishOptions,
  context: EncodeContext,
  then: (outgoing: Outgoing) => Promise<T> | T,
): Promise<T> {
  const { type } = definition
  const messageId = options.id ?? uuidv7()
  const { exchange, telemetry } = context
  const headers = options.headers ?? {}
  const message = { exchange, routingKey: type, messageId, messageType: type, headers }
  return await telemetry[origin](message, async (trace) => {
    const identified = { id: messageId, headers: { ...trace, ...headers } }
    return await then(await encode(definition, data, identified, context))
  })
}

/** Validates and writes a message; throws {@link InvalidMessageError} or {@link TooLargeError}. */
export async function encode(
  definition: MessageDefinition,
  data: unknown,
  options: PublishOptions,
  context: EncodeContext,
): Promise<Outgoing> {
  const { type, version } = definition
  const valid = await validate(definition.schema, data)
  if ('issues' in valid) throw new InvalidMessageError(type, valid.issues)
  const key = definition.key(valid.value)
  requireText('key', key)
  const id = options.id ?? uuidv7()
  requireText('id', id)
  const body = toJson(type, data)
  if (body.length > context.maxMessageBytes) {
    throw new TooLargeError('body', body.length, context.maxMessageBytes)
  }
  const headers: Record<string, string | number> = {
    ...checkedHeaders(options.headers ?? {}),
    [`${CE}specversion`]: '1.0',
    [`${CE}id`]: id,
    [`${CE}source`]: context.source,
    [`${CE}type`]: type,
    [`${CE}time`]: new Date().toISOString(),
    [`${CE}partitionkey`]: key,
    [`${CE}dataversion`]: version,
  }
  return { exchange: context.exchange, routingKey: type, messageId: id, type, key, headers, body }
}

function toJson(type: string, data: unknown): Buffer {
  try {
    const text = JSON.stringify(data)
    if (typeof text === 'string') return Buffer.from(text)
  } catch (error) {
    throw new InvalidMessageError(type, ['cannot be written as JSON'], error)
  }
  throw new InvalidMessageError(type, ['cannot be written as JSON'])
}

function checkedHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  let bytes = 0
  for (const [name, value] of Object.entries(headers)) {
    if (name.length === 0 || Buffer.byteLength(name) > MAX_ID_LENGTH || isOurs(name)) {
      throw invalid(`header name "${name}" is empty, too long, or reserved`)
    }
    if (typeof value !== 'string') throw invalid(`header "${name}" must be a string`)
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value)
  }
  if (bytes > MAX_USER_HEADER_BYTES)
    throw new TooLargeError('headers', bytes, MAX_USER_HEADER_BYTES)
  return { ...headers }
}

function requireText(what: string, value: unknown): void {
  if (!isIdentifier(value)) {
    throw invalid(`the ${what} must be 1–255 characters without control characters`)
  }
}

/** Ids and keys go into AMQP short strings and PostgreSQL text: no NUL, at most 255 bytes. */
function isIdentifier(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    Buffer.byteLength(value) <= MAX_ID_LENGTH &&
    !/\p{Cc}/u.test(value)
  )
}

function invalid(reason: string): QueueError {
  return new QueueError(`publish: ${reason}`, { code: 'QUEUE_INVALID_OPTIONS', retryable: false })
}

function isOurs(name: string): boolean {
  return name.startsWith(CE) || name.startsWith(OWN_HEADER) || name.startsWith('x-')
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads a delivery, or says why that can't be done. Never throws. */
export function decode(message: ConsumeMessage, maxBytes: number): Decoded | Undecodable {
  const { properties, content } = message
  const headers = (properties.headers ?? {}) as Record<string, unknown>
  const id = headers[`${CE}id`] ?? properties.messageId
  const type = headers[`${CE}type`] ?? properties.type
  const version = Number(headers[`${CE}dataversion`] ?? 1)
  if (!isIdentifier(id)) return undecodable('it has no usable message id')
  if (!isIdentifier(type)) return undecodable('it has no usable type')
  if (!Number.isSafeInteger(version)) return undecodable('its version is not a whole number')
  if (content.length > maxBytes) return undecodable(`its body takes ${content.length} bytes`)
  const contentType = properties.contentType as unknown
  if (typeof contentType !== 'string' || !/^application\/json\s*(;|$)/i.test(contentType)) {
    return undecodable(`its content type is ${String(contentType)}, not application/json`)
  }
  if (properties.contentEncoding !== undefined && properties.contentEncoding !== 'utf-8') {
    return undecodable(`its content encoding is ${String(properties.contentEncoding)}`)
  }
  let data: unknown
  try {
    data = JSON.parse(strictUtf8.decode(content))
  } catch (error) {
    return undecodable(`its body is not JSON (${(error as Error).name})`)
  }
  const text = (value: unknown): string | undefined =>
    typeof value === 'string' ? value : undefined
  return {
    id,
    type,
    version,
    source: text(headers[`${CE}source`]) ?? '',
    key: text(headers[`${CE}partitionkey`]) ?? id,
    time: text(headers[`${CE}time`]),
    data,
    headers: userHeaders(headers),
  }
}

/** The key by which a delivery is ordered, as {@link decode} reads it, without decoding the rest. */
export function orderKey({ properties }: ConsumeMessage): string | undefined {
  const headers = (properties.headers ?? {}) as Record<string, unknown>
  const candidates = [headers[`${CE}partitionkey`], headers[`${CE}id`], properties.messageId]
  return candidates.find((value) => typeof value === 'string')
}

function undecodable(detail: string): Undecodable {
  return { reason: 'undecodable', detail }
}

function userHeaders(headers: Record<string, unknown>): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string' && !isOurs(name)) result[name] = value
  }
  return result
}

/** What makes two messages with one id the same message. */
export function payloadHash(decoded: Decoded, content: Buffer): Buffer {
  return createHash('sha256')
    .update(`${decoded.type}\n${decoded.version}\n`)
    .update(content)
    .digest()
}
