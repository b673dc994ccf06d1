import type { ChannelModel } from 'amqplib'
import type { BrokerOptions, Connect } from '../options.ts'
import { BrokerState } from './broker/broker-state.ts'
import { ModelConnection } from './broker/model-connection.ts'

/** A message that waits in a queue of a {@link MemoryBroker}. */
export interface WaitingMessage {
  readonly exchange: string
  readonly routingKey: string
  readonly messageId: string | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

/** A broker in this process, and what a test can do to it. Made by {@link memoryBroker}. */
export interface MemoryBroker extends BrokerOptions {
  readonly url: string
  /** amqplib's `connect`, to this broker. Refused while it is stopped. */
  readonly connect: Connect
  /** Messages that wait in the queue, oldest first; what consumers have in hand is not among them. */
  waiting(queue: string): readonly WaitingMessage[]
  /** How many messages consumers of the queue have in hand. */
  inHand(queue: string): number
  /** Lets the time to live of everything in the queue pass; says of how many messages. */
  expire(queue: string): number
  /** Cuts every connection. What was on its way is lost, what was in hand is delivered again. */
  drop(): void
  /** Cuts every connection and refuses new ones. Queues and their messages stay. */
  stop(): void
  /** Takes connections again. */
  start(): void
  /** Raises an alarm: what publishes from now on is blocked, acknowledgements and all. */
  block(reason?: string): void
  unblock(): void
  /** Cancels the consumers of a queue, as a broker does whose queue moves or is deleted. */
  cancelConsumers(queue: string): void
}

/**
 * A model of RabbitMQ 3 for unit tests: `createBus({ broker: memoryBroker(), db, … })`. It models
 * delivery tags of a channel and the 406 for a tag that is unknown or settled, prefetch, the
 * redelivered flag, `x-delivery-count` and `x-delivery-limit`, dead-lettering with reasons, times to
 * live, mandatory returns and confirms, a full queue's refusal, alarms, cancelled consumers,
 * mismatched declarations and lost connections. Its behaviour is compared with a real RabbitMQ by a
 * test of this package, statement for statement.
 *
 * It is no broker: nothing is stored, there is one node without users and permissions, and what it
 * doesn't model (priorities, streams, exclusive queues, headers exchanges) throws. PostgreSQL stays
 * real: it decides whether your handler is right. What must survive a crash is tested with
 * {@link crashAt} and real servers.
 */
export function memoryBroker(): MemoryBroker {
  const state = new BrokerState()
  const connections = new Set<ModelConnection>()
  let stopped = false
  let alarm: string | undefined
  let consumers = 0
  const drop = (): void => {
    for (const connection of connections) connection.drop(new Error('Unexpected close'))
  }
  const home = {
    state,
    alarm: () => alarm,
    nextConsumerTag: () => `amq.ctag-${(consumers += 1)}`,
    closed: (connection: ModelConnection) => void connections.delete(connection),
  }
  return {
    url: 'amqp://memory',
    connect() {
      if (stopped) return Promise.reject(refused())
      const connection = new ModelConnection(home)
      connections.add(connection)
      return Promise.resolve(connection as unknown as ChannelModel)
    },
    waiting: (queue) =>
      state.queue(queue).messages.map(({ exchange, routingKey, properties, content }) => ({
        exchange,
        routingKey,
        messageId: properties.messageId as string | undefined,
        headers: properties.headers ?? {},
        body: content,
      })),
    inHand: (queue) => state.queue(queue).unsettled,
    expire: (queue) => state.queue(queue).expireAll(),
    drop,
    stop() {
      stopped = true
      drop()
    },
    start() {
      stopped = false
    },
    block(reason = 'low on memory') {
      alarm = reason
    },
    unblock() {
      alarm = undefined
      for (const connection of connections) connection.unblock()
    },
    cancelConsumers: (queue) => state.queue(queue).cancelConsumers(),
  }
}

function refused(): Error {
  return Object.assign(new Error('connect ECONNREFUSED memory'), { code: 'ECONNREFUSED' })
}
