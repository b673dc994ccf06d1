import type { BrokerScript } from './broker-scripts.ts'
import { after } from './broker-scripts.ts'

/** Scripts of messages that leave their queue for another one. */
export const deathScripts: Readonly<Record<string, BrokerScript>> = {
  async 'dead-letters what is rejected, with where and why'(script) {
    const channel = await script.confirmChannel()
    const dead = await script.queue(channel, 'dead')
    const exchange = await script.exchange(channel, 'x', 'direct')
    const queue = await script.queue(channel, 'q', {
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
    })
    await channel.bindQueue(queue, exchange, 'k')
    await script.publish(channel, exchange, 'k', 'a', { headers: { mine: 'kept' } })
    const kept = await after(script, 1, () => script.consume(channel, queue))
    channel.reject(kept[0]!, false)
    await after(script, 2, () => script.consume(channel, dead, { consumerTag: 'undertaker' }))
  },

  async 'drops what is rejected and has nowhere to go'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    await script.publish(channel, '', queue, 'a')
    const kept = await after(script, 1, () => script.consume(channel, queue))
    channel.nack(kept[0]!, false, false)
    await script.ready(channel, queue, 0)
    await script.publish(channel, '', queue, 'b')
    await script.noted(3)
  },

  async 'sends back what waited, and counts each death'(script) {
    const channel = await script.confirmChannel()
    const work = script.name('work')
    const wait = await script.queue(channel, 'wait', {
      'x-message-ttl': 50,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': work,
    })
    await script.queue(channel, 'work', {
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': wait,
    })
    await script.publish(channel, '', wait, 'a')
    const kept = await after(script, 1, () => script.consume(channel, work))
    channel.reject(kept[0]!, false)
    await script.noted(2)
    channel.reject(kept[1]!, false)
    await script.noted(3)
    channel.ack(kept[2]!)
    await script.ready(channel, work, 0)
  },

  async 'gives up after as many returns as the delivery limit'(script) {
    const channel = await script.confirmChannel()
    const dead = await script.queue(channel, 'dead')
    const queue = await script.queue(channel, 'q', {
      'x-delivery-limit': 2,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': dead,
    })
    await script.publish(channel, '', queue, 'a')
    const kept = await after(script, 1, () => script.consume(channel, queue))
    for (const returned of [0, 1, 2]) {
      await script.noted(returned + 1)
      channel.nack(kept[returned]!, false, true)
    }
    await after(script, 4, () => script.consume(channel, dead, { consumerTag: 'undertaker' }))
    await script.ready(channel, queue, 0)
  },

  async 'expires only at the head of the queue'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    await script.publish(channel, '', queue, 'long', { expiration: 60_000 })
    await script.publish(channel, '', queue, 'short', { expiration: 0 })
    await script.ready(channel, queue, 2)
    await after(script, 2, () => script.consume(channel, queue))
    await script.ready(channel, queue, 0)
  },

  async 'gives everything to one consumer of a queue that wants only one'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q', { 'x-single-active-consumer': true })
    await channel.prefetch(1)
    await script.consume(channel, queue, { consumerTag: 'first' })
    await script.consume(channel, queue, { consumerTag: 'second' })
    for (const text of ['a', 'b']) await script.publish(channel, '', queue, text)
    await script.noted(1)
    await script.ready(channel, queue, 1)
    await after(script, 3, () => channel.cancel('first'))
  },
}
