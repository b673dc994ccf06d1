import type { Attributes } from '@opentelemetry/api'
import { QueueError } from '../errors.ts'
import type { IncomingRef, OutgoingRef } from '../telemetry.ts'

/*
 * The names of OpenTelemetry's semantic conventions for messaging and RabbitMQ, written out: they
 * are not stable yet, and the package that exports them has them under an entry that may change.
 * https://opentelemetry.io/docs/specs/semconv/messaging/rabbitmq/
 */

/** What every span and metric of messaging says. */
export function operation(name: string, type: 'create' | 'send' | 'process'): Attributes {
  return {
    'messaging.system': 'rabbitmq',
    'messaging.operation.name': name,
    'messaging.operation.type': type,
  }
}

/** Where a message goes: exchange and routing key, which is its type. */
export function outgoingAttributes(message: OutgoingRef): Attributes {
  return {
    'messaging.destination.name': destination(message.exchange, message.routingKey),
    'messaging.rabbitmq.destination.routing_key': message.routingKey,
    'messaging.message.id': message.messageId,
  }
}

/** Where a message came from, and which one it is. */
export function incomingAttributes(message: IncomingRef, queue: string): Attributes {
  const { exchange, routingKey, messageId, bodyBytes, redelivered } = message
  const attributes: Attributes = {
    'messaging.destination.name': destination(exchange, routingKey, queue),
    'messaging.rabbitmq.destination.routing_key': routingKey,
    'messaging.message.body.size': bodyBytes,
    'payflow.queue.redelivered': redelivered,
  }
  if (messageId !== undefined) attributes['messaging.message.id'] = messageId
  return attributes
}

/** Exchange, routing key and queue, without the empty and the repeated ones. */
export function destination(...parts: readonly string[]): string {
  const named = parts.filter((part, at) => part !== '' && part !== parts[at - 1])
  return named.length === 0 ? 'amq.default' : named.join(':')
}

/** Few values, for metrics too: our code, else whether it was the application's own error. */
export function errorType(error: unknown): string {
  if (QueueError.is(error)) return error.code
  return error === undefined ? '_OTHER' : 'application'
}
