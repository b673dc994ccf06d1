import type { Outgoing } from '../envelope.ts'
import {
  BrokerUnavailableError,
  ConfirmLostError,
  NackedError,
  QueueError,
  TooLargeError,
  UnroutableError,
} from '../errors.ts'
import { errorText } from '../reporter.ts'
import type { BrokerConnection } from './connection.ts'

/** What is said about a message when its fate is known. */
export type Target = Pick<Outgoing, 'messageId' | 'exchange' | 'routingKey'>

/** The write right RabbitMQ asks of who publishes to the exchange without a name. */
const DEFAULT_EXCHANGE = 'amq.default'

/**
 * What amqplib's answer says of a message that was handed over and not confirmed. It reports a negative
 * confirm and a closed channel by the same callback.
 *
 * @param closedBy - why the broker closed the channel, if it did
 */
export function refusal(target: Target, answer: Error, closedBy: Error | undefined): QueueError {
  const { messageId, exchange, routingKey } = target
  if (closedBy === undefined) {
    return answer.message === 'message nacked'
      ? new NackedError(messageId)
      : new ConfirmLostError(messageId, answer)
  }
  if (namesMissingExchange(closedBy, exchange)) {
    return new UnroutableError(exchange, routingKey, 'the exchange is missing')
  }
  if (namesMissingRight(closedBy, target)) return writeRefused(target, closedBy)
  return new ConfirmLostError(messageId, closedBy)
}

function namesMissingExchange(error: Error, exchange: string): boolean {
  return codeOf(error) === 404 && error.message.includes(`no exchange '${exchange}'`)
}

/**
 * The broker closes the channel of everybody for the message of one, so only what goes where it says
 * is refused; the others are in doubt. With topic permissions it names the routing key as well.
 */
function namesMissingRight(error: Error, { exchange, routingKey }: Target): boolean {
  if (codeOf(error) !== 403) return false
  if (!error.message.includes(`exchange '${exchange === '' ? DEFAULT_EXCHANGE : exchange}'`)) {
    return false
  }
  return !error.message.includes(" topic '") || error.message.includes(` topic '${routingKey}'`)
}

/** The broker's reply codes: https://www.rabbitmq.com/amqp-0-9-1-reference#constants */
function codeOf(error: Error): number | undefined {
  return (error as { code?: number }).code
}

function writeRefused({ messageId, exchange }: Target, cause: Error): QueueError {
  const name = exchange === '' ? DEFAULT_EXCHANGE : exchange
  return new QueueError(
    `The broker's user may not publish message ${messageId}: ${errorText(cause)}. Give it the right ` +
      `to write to exchange "${name}" (rabbitmqctl set_permissions), then publish again with the ` +
      'same id.',
    { code: 'QUEUE_ACCESS_REFUSED', retryable: false, cause },
  )
}

/** Why amqplib wrote nothing of a message. */
export function refusedLocally(outgoing: Outgoing, error: unknown): QueueError {
  // amqplib refuses headers that don't fit its frame before it writes anything.
  if (error instanceof RangeError) {
    return new TooLargeError('headers', JSON.stringify(outgoing.headers).length, 65_536)
  }
  return new BrokerUnavailableError(
    `Message ${outgoing.messageId} was not sent: ${errorText(error)}`,
    error,
  )
}

/** There was no channel for a message in all its time. */
export function unavailable(outgoing: Outgoing, connection: BrokerConnection): QueueError {
  const { lastError } = connection.health()
  return new BrokerUnavailableError(
    `Message ${outgoing.messageId} was not sent: no connection to the broker` +
      (lastError === undefined ? '' : ` (${lastError})`),
  )
}
