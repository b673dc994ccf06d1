/** Every code a {@link QueueError} can carry. Stable: removing or renaming one is a major change. */
export type QueueErrorCode =
  | 'QUEUE_INVALID_OPTIONS'
  | 'QUEUE_INVALID_MESSAGE'
  | 'QUEUE_DUPLICATE_MESSAGE_ID'
  | 'QUEUE_UNROUTABLE'
  | 'QUEUE_NACKED'
  | 'QUEUE_CONFIRM_TIMEOUT'
  | 'QUEUE_CONFIRM_LOST'
  | 'QUEUE_BLOCKED'
  | 'QUEUE_TOO_LARGE'
  | 'QUEUE_BROKER_UNAVAILABLE'
  | 'QUEUE_TOPOLOGY_MISMATCH'
  | 'QUEUE_ACCESS_REFUSED'
  | 'QUEUE_NOT_MIGRATED'
  | 'QUEUE_COMMIT_ROLLED_BACK'
  | 'QUEUE_TRANSACTION_CONTROL'
  | 'QUEUE_TRANSACTION_CLOSED'
  | 'QUEUE_FLOATING_QUERY'
  | 'QUEUE_HANDLER_DEADLINE'
  | 'QUEUE_DELIVERY_LOST'
  | 'QUEUE_CLOSED'
  | 'QUEUE_DELIVERY_LIMIT'

const brand = Symbol.for('@payflow/queue.error')

/** What a {@link QueueError} is made of besides its message. */
export interface QueueErrorOptions {
  readonly code: QueueErrorCode
  /** Whether the same call may succeed later without being changed. */
  readonly retryable: boolean
  readonly cause?: unknown
}

/**
 * The base of every error this package throws or rejects with. Only what PostgreSQL says about your
 * transaction or connection (a lost connection, a serialization failure) comes to you as it is.
 *
 * Branch on `code`, or on `retryable` when only that matters. Messages are for people and may change.
 * Use {@link QueueError.is} instead of `instanceof` when two copies of the package may be installed.
 */
export class QueueError extends Error {
  override readonly name: string = 'QueueError'
  readonly code: QueueErrorCode
  readonly retryable: boolean

  constructor(message: string, options: QueueErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.retryable = options.retryable
    Object.defineProperty(this, brand, { value: true })
  }

  /** Whether `value` is an error of this package, whichever installed copy made it. */
  static is(value: unknown): value is QueueError {
    return typeof value === 'object' && value !== null && brand in value
  }
}

/** No queue took the message: nothing is bound for its routing key, or its exchange is missing. */
export class UnroutableError extends QueueError {
  override readonly name: string = 'UnroutableError'
  readonly exchange: string
  readonly routingKey: string

  constructor(exchange: string, routingKey: string, reason: string) {
    super(
      `The broker found no queue for routing key "${routingKey}" on exchange "${exchange}" ` +
        `(${reason}). Name the queue that is to receive it in topology.bindings, or start its ` +
        'consumer and await bus.topology.apply() before publishing.',
      { code: 'QUEUE_UNROUTABLE', retryable: true },
    )
    this.exchange = exchange
    this.routingKey = routingKey
  }
}

/** The broker refused the message with a negative confirm. It may accept it later. */
export class NackedError extends QueueError {
  override readonly name: string = 'NackedError'

  constructor(messageId: string) {
    super(`The broker refused message ${messageId} (negative confirm). Publish it again later.`, {
      code: 'QUEUE_NACKED',
      retryable: true,
    })
  }
}

/** No confirm came in time. The message may or may not have been taken: publish with the same id. */
export class ConfirmTimeoutError extends QueueError {
  override readonly name: string = 'ConfirmTimeoutError'

  constructor(messageId: string, timeoutMs: number) {
    super(
      `The broker did not confirm message ${messageId} within ${timeoutMs} ms; ` +
        'whether it was taken is unknown. Publish it again with the same id.',
      { code: 'QUEUE_CONFIRM_TIMEOUT', retryable: true },
    )
  }
}

/** The channel or connection died before the confirm. The outcome is unknown, as with a timeout. */
export class ConfirmLostError extends QueueError {
  override readonly name: string = 'ConfirmLostError'

  constructor(messageId: string, cause: unknown) {
    super(
      `The channel closed before the broker confirmed message ${messageId}; ` +
        'whether it was taken is unknown. Publish it again with the same id.',
      { code: 'QUEUE_CONFIRM_LOST', retryable: true, cause },
    )
  }
}

/** The broker is out of memory or disk and takes no messages for now. */
export class BlockedError extends QueueError {
  override readonly name: string = 'BlockedError'
  /** Whether the message had been handed to the broker before it blocked: its outcome is unknown. */
  readonly handedOver: boolean

  constructor(messageId: string, reason: string, handedOver: boolean) {
    super(`The broker blocks publishers (${reason}); message ${messageId} was not confirmed.`, {
      code: 'QUEUE_BLOCKED',
      retryable: true,
    })
    this.handedOver = handedOver
  }
}

/** The body or the headers exceed what this bus allows. Nothing was sent. */
export class TooLargeError extends QueueError {
  override readonly name: string = 'TooLargeError'
  readonly sizeBytes: number
  readonly maxBytes: number

  constructor(part: 'body' | 'headers', sizeBytes: number, maxBytes: number) {
    super(`The message ${part} takes ${sizeBytes} bytes; at most ${maxBytes} are allowed.`, {
      code: 'QUEUE_TOO_LARGE',
      retryable: false,
    })
    this.sizeBytes = sizeBytes
    this.maxBytes = maxBytes
  }
}

/** There was no usable connection to the broker for as long as the call was allowed to wait. */
export class BrokerUnavailableError extends QueueError {
  override readonly name: string = 'BrokerUnavailableError'

  constructor(message: string, cause?: unknown) {
    super(message, { code: 'QUEUE_BROKER_UNAVAILABLE', retryable: true, cause })
  }
}

/** The data does not satisfy the schema of its message, or cannot be written as JSON. */
export class InvalidMessageError extends QueueError {
  override readonly name: string = 'InvalidMessageError'
  readonly issues: readonly string[]

  constructor(type: string, issues: readonly string[], cause?: unknown) {
    super(`The data of "${type}" is not valid: ${issues.join('; ')}`, {
      code: 'QUEUE_INVALID_MESSAGE',
      retryable: false,
      cause,
    })
    this.issues = issues
  }
}

/**
 * The transaction was rolled back although no statement of the commit failed: the handler swallowed
 * an SQL error. Nothing was committed, so the message is not acknowledged.
 */
export class CommitRolledBackError extends QueueError {
  override readonly name: string = 'CommitRolledBackError'

  constructor(cause?: unknown) {
    super(
      'PostgreSQL rolled the transaction back instead of committing it, because an earlier ' +
        'statement had failed and its error was swallowed. Let SQL errors leave the handler.',
      { code: 'QUEUE_COMMIT_ROLLED_BACK', retryable: true, cause },
    )
  }
}
