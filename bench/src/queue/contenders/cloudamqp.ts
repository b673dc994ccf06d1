import { AMQPSession } from '@cloudamqp/amqp-client'
import type { Contender } from './contender.ts'
import { openEffects } from './effects.ts'
import { declareQueue, fillQueue, ready } from './rabbit.ts'

export const cloudamqp: Contender = {
  name: '@cloudamqp/amqp-client',
  packages: ['@cloudamqp/amqp-client'],
  about: 'AMQPSession, queue.subscribe with a callback, acknowledged when it returns',
  prepare: declareQueue,
  fill: fillQueue,
  left: ready,
  async work({ databaseUrl, rabbitmqUrl, queue }, { concurrency, prefetch }, committed) {
    const effects = openEffects(databaseUrl, concurrency, committed)
    const session = await AMQPSession.connect(rabbitmqUrl)
    const handle = await session.queue(queue, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum' },
    })
    await handle.subscribe({ prefetch }, async (message) => {
      const id = String(message.properties.messageId)
      await effects.handle(id, JSON.parse(message.bodyString() ?? ''))
    })
    return {
      async stop() {
        await session.stop()
        await effects.close()
      },
    }
  },
}
