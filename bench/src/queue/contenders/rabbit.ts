import { connect } from 'amqplib'
import type { ConfirmChannel, Options } from 'amqplib'
import type { Message, Place } from './contender.ts'

/** Type of the messages: RabbitMQ's routing key, and what ours is told by its headers. */
export const TYPE = 'bench.posted'

const declaring =
  (kind: 'quorum' | 'classic') =>
  async ({ rabbitmqUrl, queue }: Place): Promise<void> => {
    await onChannel(rabbitmqUrl, async (channel) => {
      await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': kind } })
    })
  }

/** A durable quorum queue, for those who don't declare one themselves. */
export const declareQueue: (place: Place) => Promise<void> = declaring('quorum')

/** A durable queue on one node and without copies. */
export const declareClassicQueue: (place: Place) => Promise<void> = declaring('classic')

/** Publishes into the queue and waits for every confirm. The same bytes for every contender. */
export async function fillQueue(place: Place, messages: readonly Message[]): Promise<void> {
  await onChannel(place.rabbitmqUrl, async (channel) => {
    for (const message of messages) send(channel, place.queue, message)
    await channel.waitForConfirms()
  })
}

export function send(
  channel: ConfirmChannel,
  queue: string,
  { id, body }: Message,
  confirmed?: (error: unknown) => void,
): void {
  const content = Buffer.from(JSON.stringify(body))
  channel.publish('', queue, content, properties(id, body.account), confirmed)
}

/** As @payflow/queue writes them: CloudEvents in headers. Others look at what they know of. */
export const properties = (id: string, key: string): Options.Publish => ({
  persistent: true,
  mandatory: true,
  contentType: 'application/json',
  messageId: id,
  type: TYPE,
  appId: 'bench',
  headers: {
    'cloudEvents:specversion': '1.0',
    'cloudEvents:id': id,
    'cloudEvents:source': 'bench',
    'cloudEvents:type': TYPE,
    'cloudEvents:time': '2026-11-22T10:00:00.000Z',
    'cloudEvents:partitionkey': key,
    'cloudEvents:dataversion': 1,
  },
})

/** Messages in the queue; those in hand come back when their consumer is gone. */
export async function ready({ rabbitmqUrl, queue }: Place): Promise<number> {
  return onChannel(rabbitmqUrl, async (channel) => (await channel.checkQueue(queue)).messageCount)
}

/** Lends a channel of a connection of its own. */
export async function onChannel<T>(
  url: string,
  work: (channel: ConfirmChannel) => Promise<T>,
): Promise<T> {
  const connection = await connect(url, { noDelay: true })
  try {
    return await work(await connection.createConfirmChannel())
  } finally {
    await connection.close()
  }
}

/** For those who only send: the queue must hold every message, and is emptied. */
export async function queueHolds(place: Place, count: number): Promise<string | undefined> {
  return onChannel(place.rabbitmqUrl, async (channel) => {
    const { messageCount } = await channel.purgeQueue(place.queue)
    return messageCount === count ? undefined : `${count} messages, ${messageCount} in the queue`
  })
}
