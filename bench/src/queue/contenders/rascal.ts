import rascalModule from 'rascal'
import type { Contender } from './contender.ts'
import { openEffects } from './effects.ts'
import { declareQueue, fillQueue, ready } from './rabbit.ts'

export const rascal: Contender = {
  name: 'rascal',
  packages: ['rascal'],
  about: 'a subscription of its configuration, ackOrNack() when the handler is done',
  prepare: declareQueue,
  fill: fillQueue,
  left: ready,
  async work({ databaseUrl, rabbitmqUrl, queue }, { concurrency, prefetch }, committed) {
    const effects = openEffects(databaseUrl, concurrency, committed)
    const broker = await rascalModule.BrokerAsPromised.create({
      vhosts: {
        '/': {
          connection: { url: rabbitmqUrl, management: { checks: false } },
          queues: [{ name: queue, assert: false, check: true }],
          subscriptions: { bench: { queue, prefetch, contentType: 'application/json' } },
        },
      },
    })
    broker.on('error', () => {})
    const subscription = await broker.subscribe('bench')
    subscription.on('message', (message, content, ackOrNack) => {
      effects.handle(String(message.properties.messageId), content).then(
        () => ackOrNack(),
        (error: Error) => ackOrNack(error),
      )
    })
    subscription.on('error', () => {})
    return {
      async stop() {
        await broker.shutdown()
        await effects.close()
      },
    }
  },
}
