import { connect } from 'amqplib'
import { type Contender, messages } from './contender.ts'
import { declareQueue, properties, queueHolds } from './rabbit.ts'

/** Nothing but publishing: what is sent is in memory already, and nobody writes down what was. */
export const rawPublish: Contender = {
  name: 'raw publish',
  packages: ['amqplib'],
  about: 'amqplib, persistent and mandatory, a window of unconfirmed messages; no database at all',
  prepare: declareQueue,
  async fill() {},
  left: async () => 0,
  check: queueHolds,
  async work({ rabbitmqUrl, queue }, { concurrency, count }, committed) {
    const connection = await connect(rabbitmqUrl, { noDelay: true })
    const channel = await connection.createConfirmChannel()
    const outgoing = messages('raw', count).map(({ id, body }) => ({
      content: Buffer.from(JSON.stringify(body)),
      options: properties(id, body.account),
    }))
    let next = 0
    const send = (): void => {
      const message = outgoing[next]
      if (message === undefined) return
      next += 1
      channel.publish('', queue, message.content, message.options, (error: unknown) => {
        if (error !== null && error !== undefined) throw error
        send()
        committed(1)
      })
    }
    for (let inFlight = 0; inFlight < concurrency; inFlight += 1) send()
    return {
      async stop() {
        await channel.close()
        await connection.close()
      },
    }
  },
}
