import { connect } from 'amqp-connection-manager'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { Contender } from './contender.ts'
import { openEffects } from './effects.ts'
import { declareQueue, fillQueue, ready } from './rabbit.ts'

export const connectionManager: Contender = {
  name: 'amqp-connection-manager',
  packages: ['amqp-connection-manager'],
  about: 'createChannel with a setup function that consumes; the wrapper acknowledges',
  prepare: declareQueue,
  fill: fillQueue,
  left: ready,
  async work({ databaseUrl, rabbitmqUrl, queue }, { concurrency, prefetch }, committed) {
    const effects = openEffects(databaseUrl, concurrency, committed)
    const connection = connect([rabbitmqUrl])
    const atWork = new Set<Promise<void>>()
    const wrapper = connection.createChannel({
      setup: async (channel: Channel) => {
        await channel.prefetch(prefetch)
        await channel.consume(queue, (message) => {
          if (message === null) return
          const work = handle(message)
          atWork.add(work)
          void work.finally(() => atWork.delete(work))
        })
      },
    })
    const handle = async (message: ConsumeMessage): Promise<void> => {
      try {
        const { messageId } = message.properties
        await effects.handle(String(messageId), JSON.parse(message.content.toString()))
        wrapper.ack(message)
      } catch {
        wrapper.nack(message)
      }
    }
    await wrapper.waitForConnect()
    return {
      async stop() {
        await Promise.all(atWork)
        await wrapper.close()
        await connection.close()
        await effects.close()
      },
    }
  },
}
