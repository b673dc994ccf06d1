import { Connection } from 'rabbitmq-client'
import type { Contender } from './contender.ts'
import { openEffects } from './effects.ts'
import { declareQueue, fillQueue, ready } from './rabbit.ts'

export const rabbitmqClient: Contender = {
  name: 'rabbitmq-client',
  packages: ['rabbitmq-client'],
  about: 'createConsumer with qos and concurrency, acknowledged when the handler returns',
  prepare: declareQueue,
  fill: fillQueue,
  left: ready,
  async work({ databaseUrl, rabbitmqUrl, queue }, { concurrency, prefetch }, committed) {
    const effects = openEffects(databaseUrl, concurrency, committed)
    const connection = new Connection(rabbitmqUrl)
    connection.on('error', () => {})
    const consumer = connection.createConsumer(
      { queue, queueOptions: { passive: true }, concurrency, qos: { prefetchCount: prefetch } },
      async (message) => {
        await effects.handle(String(message.messageId), message.body)
      },
    )
    consumer.on('error', () => {})
    return {
      async stop() {
        await consumer.close()
        await connection.close()
        await effects.close()
      },
    }
  },
}
