import { QueueError } from './errors.ts'
import type { SchemaInput, SchemaOutput, StandardSchemaV1 } from './standard-schema.ts'

/** A kind of message: its name and version on the wire, its schema, and the key it is ordered by. */
export interface MessageDefinition<Input = any, Output = any> {
  /** CloudEvents `type`, and the routing key on the exchange. */
  readonly type: string
  /** Version of the schema. A consumer parks versions it does not know. */
  readonly version: number
  readonly schema: StandardSchemaV1<Input, Output>
  /** What messages are ordered by: two messages with one key leave the outbox in order. */
  readonly key: (data: Output) => string
}

/** What a caller passes to publish a message. */
export type MessageInput<M extends MessageDefinition> =
  M extends MessageDefinition<infer Input, any> ? Input : never

/** What a handler receives as `msg.data`. */
export type MessageData<M extends MessageDefinition> =
  M extends MessageDefinition<any, infer Output> ? Output : never

/** Options of {@link defineMessage}. */
export interface DefineMessageOptions<S extends StandardSchemaV1> {
  /** Dot-separated name such as `payments.execute`: 1–200 of letters, digits, `.`, `_`, `-`. */
  readonly type: string
  /** Whole number from 1. Raise it when the schema changes in a way old consumers can't read. */
  readonly version: number
  /** Anything that implements Standard Schema, for example a zod 4 schema. */
  readonly schema: S
  /** Order key of a message, 1–255 characters; usually the id of what the message is about. */
  readonly key: (data: SchemaOutput<S>) => string
}

/** A message a handler is given. */
export interface ReceivedMessage<Data> {
  /** Id given by the publisher; the same in every redelivery and every duplicate. */
  readonly id: string
  readonly type: string
  readonly version: number
  /** CloudEvents `source` of the publisher. */
  readonly source: string
  readonly key: string
  /** When it was published by the publisher's clock. For people; decide nothing by it. */
  readonly time: string | undefined
  /** Validated by the schema. */
  readonly data: Data
  /** Headers the publisher added. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Names a kind of message once, for publishers and consumers alike.
 *
 * @throws {@link QueueError} with code `QUEUE_INVALID_OPTIONS` when type or version is malformed.
 */
export function defineMessage<S extends StandardSchemaV1<any, any>>(
  options: DefineMessageOptions<S>,
): MessageDefinition<SchemaInput<S>, SchemaOutput<S>> {
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(options.type)) {
    throw invalid(`type "${options.type}" must be 1–200 letters, digits, ".", "_" or "-"`)
  }
  if (!Number.isSafeInteger(options.version) || options.version < 1) {
    throw invalid(`version ${options.version} of "${options.type}" must be a whole number from 1`)
  }
  const { type, version, schema, key } = options
  return Object.freeze({ type, version, schema, key })
}

function invalid(reason: string): QueueError {
  return new QueueError(`defineMessage: ${reason}`, {
    code: 'QUEUE_INVALID_OPTIONS',
    retryable: false,
  })
}
