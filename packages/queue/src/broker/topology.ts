import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib'
import { BrokerUnavailableError, QueueError } from '../errors.ts'
import { errorText } from '../reporter.ts'

/** A work queue with everything that belongs to it. */
export interface QueueSpec {
  readonly queue: string
  readonly types: readonly string[]
  readonly parkingQueue: string
  /** One wait queue for each; empty when only publishing. */
  readonly delaysMs: readonly number[]
  /** One consumer at a time gets its messages; another takes over when that is gone. */
  readonly singleActive: boolean
}

const DECLARE_TIMEOUT_MS = 20_000
const CLOSE_TIMEOUT_MS = 2_000

/** What is to exist at the broker. */
export interface TopologySpec {
  readonly exchange: string
  readonly queues: readonly QueueSpec[]
}

/** Where messages wait for their next attempt. */
export function waitQueueName(queue: string, delayMs: number): string {
  return `${queue}.wait.${delayMs}`
}

/** Where messages go that can't be handled, unless the consumer names another queue. */
export function defaultParkingQueue(queue: string): string {
  return `${queue}.parked`
}

/*
 * At-least-once dead-lettering needs reject-publish, and both keep a message in its queue until the
 * next one has it. Everything else (limits, lengths) is left to the operator's policies, because
 * arguments can't be changed once a queue exists. There is no x-delivery-limit: attempts are counted
 * in PostgreSQL, and what a broker with a default limit (RabbitMQ 4) gives up on lands in the
 * parking queue instead of vanishing.
 */
function deadLetterTo(queue: string): Record<string, unknown> {
  return {
    'x-queue-type': 'quorum',
    'x-overflow': 'reject-publish',
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': queue,
    'x-dead-letter-strategy': 'at-least-once',
  }
}

/**
 * Declares it all; what exists already with the same properties is left alone, nothing is deleted.
 * Uses a channel of its own, since a mismatch closes the channel it is found on.
 *
 * @throws {@link QueueError} `QUEUE_TOPOLOGY_MISMATCH` or `QUEUE_ACCESS_REFUSED` with the broker's
 * words; {@link BrokerUnavailableError} when it gives no answer.
 */
export async function declareTopology(model: ChannelModel, spec: TopologySpec): Promise<void> {
  const channel = await openChannel(model)
  try {
    await withTimeout(declareAll(channel, spec), DECLARE_TIMEOUT_MS, 'The declarations')
  } catch (error) {
    throw explained(error)
  } finally {
    await closeChannel(channel)
  }
}

/** The broker's reply codes, as errors of ours: https://www.rabbitmq.com/amqp-0-9-1-reference#constants */
function explained(error: unknown): QueueError {
  if (QueueError.is(error)) return error
  const { code } = error as { code?: unknown }
  if (code === 403) {
    return new QueueError(
      `The broker's user may not declare this: ${errorText(error)}. Give it the right to configure, ` +
        'write and read the exchange and its queues, and to write to amq.default.',
      { code: 'QUEUE_ACCESS_REFUSED', retryable: false, cause: error },
    )
  }
  if (code !== 406) {
    return new BrokerUnavailableError(`The declarations broke off: ${errorText(error)}`, error)
  }
  return new QueueError(
    `The broker already has this with other properties: ${errorText(error)}. ` +
      'Nothing was changed; delete or rename it, or give this bus the same properties ' +
      "(x-single-active-consumer comes from order: 'key').",
    { code: 'QUEUE_TOPOLOGY_MISMATCH', retryable: false, cause: error },
  )
}

async function declareAll(channel: Channel, spec: TopologySpec): Promise<void> {
  for (const declaration of listDeclarations(spec)) await declare(channel, declaration)
}

/** One thing that is to exist. */
export type Declaration =
  | { readonly kind: 'exchange'; readonly name: string }
  | {
      readonly kind: 'queue'
      readonly name: string
      readonly role: 'work' | 'parking' | 'wait'
      readonly arguments: Readonly<Record<string, unknown>>
    }
  | {
      readonly kind: 'binding'
      readonly queue: string
      readonly exchange: string
      readonly type: string
    }

/** Everything a topology consists of, in the order it is declared. */
export function listDeclarations(spec: TopologySpec): Declaration[] {
  const { exchange } = spec
  return [
    { kind: 'exchange', name: exchange },
    ...spec.queues.flatMap((queue) => forQueue(queue, exchange)),
  ]
}

function forQueue(spec: QueueSpec, exchange: string): Declaration[] {
  const { queue, parkingQueue } = spec
  return [
    {
      kind: 'queue',
      name: parkingQueue,
      role: 'parking',
      arguments: { 'x-queue-type': 'quorum' },
    },
    {
      kind: 'queue',
      name: queue,
      role: 'work',
      arguments: {
        ...deadLetterTo(parkingQueue),
        ...(spec.singleActive ? { 'x-single-active-consumer': true } : {}),
      },
    },
    // One queue for each delay: a TTL per message would only expire at the head of the queue, behind
    // longer waits. https://www.rabbitmq.com/docs/ttl
    ...[...new Set(spec.delaysMs)].map((delayMs): Declaration => ({
      kind: 'queue',
      name: waitQueueName(queue, delayMs),
      role: 'wait',
      arguments: { ...deadLetterTo(queue), 'x-message-ttl': delayMs },
    })),
    ...spec.types.map((type): Declaration => ({ kind: 'binding', queue, exchange, type })),
  ]
}

/** Declares one thing. What exists with the same properties stays as it is. */
export async function declare(channel: Channel, declaration: Declaration): Promise<void> {
  switch (declaration.kind) {
    case 'exchange':
      await channel.assertExchange(declaration.name, 'topic', { durable: true })
      return
    case 'queue':
      await channel.assertQueue(declaration.name, {
        durable: true,
        arguments: declaration.arguments,
      })
      return
    case 'binding':
      await channel.bindQueue(declaration.queue, declaration.exchange, declaration.type)
  }
}

/**
 * Closes a channel, after everything written to it has been dealt with by the broker. A broker in
 * trouble may never answer; then the channel goes with its connection. Answers whether it is closed now.
 */
export async function closeChannel(channel: Channel): Promise<boolean> {
  const closing = (async () => await channel.close())()
  try {
    await withTimeout(closing, CLOSE_TIMEOUT_MS, 'The close of a channel')
    return true
  } catch (error) {
    return (error as Error).name === 'IllegalOperationError'
  }
}

/** AMQP has no time limit for an answer, and a quorum queue without a leader gives none. */
export async function withTimeout<T>(answer: Promise<T>, ms: number, what: string): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    reject(new BrokerUnavailableError(`${what} got no answer in ${ms} ms`))
  }, ms)
  answer.catch(() => {})
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A channel whose errors never reach the connection: amqplib kills that when nobody listens. */
export async function openChannel(model: ChannelModel): Promise<Channel> {
  return ignoringErrors(await model.createChannel())
}

/** The same with publisher confirms. */
export async function openConfirmChannel(model: ChannelModel): Promise<ConfirmChannel> {
  return ignoringErrors(await model.createConfirmChannel())
}

function ignoringErrors<C extends Channel>(channel: C): C {
  channel.on('error', () => {})
  channel.on('handler-error', () => {})
  return channel
}
