import type { Script } from './broker-script.ts'

/** One thing a broker does, told in calls. */
export type BrokerScript = (script: Script) => Promise<void>

/** What the model of the broker is compared with the real one by. */
export const brokerScripts: Readonly<Record<string, BrokerScript>> = {
  async 'delivers in order, as many as the prefetch allows, by tags of the channel'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    for (const text of ['a', 'b', 'c', 'd']) await script.publish(channel, '', queue, text)
    await channel.prefetch(2)
    const [first] = await after(script, 2, () => script.consume(channel, queue))
    await script.ready(channel, queue, 2)
    channel.ack(first!)
    await script.noted(4)
    await script.ready(channel, queue, 1)
    const other = await script.channel()
    await after(script, 6, () => script.consume(other, queue, { consumerTag: 'other' }))
    await script.ready(channel, queue, 0)
  },

  async 'counts what was given back'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    await channel.prefetch(1)
    for (const text of ['a', 'b']) await script.publish(channel, '', queue, text)
    const kept = await after(script, 1, () => script.consume(channel, queue))
    channel.nack(kept[0]!, false, true)
    await script.noted(2)
    channel.reject(kept[1]!, true)
    await script.noted(3)
    channel.ack(kept[2]!)
    await script.noted(4)
    await script.ready(channel, queue, 0)
  },

  async 'puts what is given back at the end of a quorum queue'(script) {
    await giveBack(script, {})
  },

  async 'puts it at the front where the deliveries are limited'(script) {
    await giveBack(script, { 'x-delivery-limit': 9 })
  },

  async 'puts it where it was in a classic queue'(script) {
    await giveBack(script, { 'x-queue-type': 'classic' })
  },

  async 'says redelivered in a classic queue, without a count'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q', { 'x-queue-type': 'classic' })
    await script.publish(channel, '', queue, 'a')
    const kept = await after(script, 1, () => script.consume(channel, queue))
    channel.nack(kept[0]!)
    await script.noted(2)
  },

  async 'closes the channel for a tag that was settled, and delivers the rest again'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    for (const text of ['a', 'b']) await script.publish(channel, '', queue, text)
    const [first] = await after(script, 2, () => script.consume(channel, queue))
    channel.ack(first!)
    channel.ack(first!)
    await script.noted(4)
    await script.refused('ack', () => channel.ack(first!))
    await script.refused('check', () => channel.checkQueue(queue))
    await script.refused('publish', () => channel.publish('', queue, Buffer.from('c')))
    await script.refused('close', () => channel.close())
    const other = await script.channel()
    await after(script, 9, () => script.consume(other, queue, { consumerTag: 'other' }))
  },

  async 'closes the channel for a tag it never gave'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    await script.publish(channel, '', queue, 'a')
    const [message] = await after(script, 1, () => script.consume(channel, queue))
    channel.ack({ ...message!, fields: { ...message!.fields, deliveryTag: 7 } })
    await script.noted(3)
  },

  async 'settles several at once, up to a tag or all'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    for (const text of ['a', 'b', 'c', 'd', 'e']) await script.publish(channel, '', queue, text)
    const kept = await after(script, 5, () => script.consume(channel, queue))
    channel.ack(kept[1]!, true)
    channel.nack(kept[2]!, true, true)
    await script.noted(6)
    channel.ackAll()
    await channel.cancel('consumer')
    await script.ready(channel, queue, 0)
  },

  async 'returns what it cannot route, and confirms it'(script) {
    const channel = await script.confirmChannel()
    const exchange = await script.exchange(channel, 'x', 'topic')
    const publish = (mandatory: boolean): Promise<void> =>
      new Promise((resolve) => {
        const options = { mandatory, messageId: 'm' }
        channel.publish(exchange, 'nowhere', Buffer.from('a'), options, (error) => {
          script.note('confirm', error)
          resolve()
        })
      })
    await publish(true)
    await publish(false)
  },

  async 'closes the channel for a missing exchange, with what is unconfirmed'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    const confirmed =
      (what: string) =>
      (error: Error | null): void =>
        script.note(what, error?.message)
    channel.publish(script.name('none'), 'k', Buffer.from('a'), {}, confirmed('a'))
    channel.publish('', queue, Buffer.from('b'), {}, confirmed('b'))
    await script.noted(4)
    await script.ready(await script.channel(), queue, 0)
  },

  async 'refuses what a full queue does not take'(script) {
    const channel = await script.confirmChannel()
    const full = { 'x-queue-type': 'classic', 'x-max-length': 1, 'x-overflow': 'reject-publish' }
    const queue = await script.queue(channel, 'q', full)
    await script.publish(channel, '', queue, 'a')
    await script.refused('publish', () => script.publish(channel, '', queue, 'b'))
    await script.ready(channel, queue, 1)
  },

  async 'finds declarations that differ, and names that are missing'(script) {
    const model = await script.model()
    const channel = await script.channel(model)
    const queue = await script.queue(channel, 'q', { 'x-message-ttl': 1_000 })
    const exchange = await script.exchange(channel, 'x', 'topic')
    const attempt = async (what: string, call: (on: typeof channel) => unknown): Promise<void> => {
      const other = await script.channel(model)
      await script.refused(what, () => call(other))
      await script.noted(script.notes.length)
    }
    const args = { 'x-queue-type': 'quorum' }
    await attempt('ttl', (on) =>
      on.assertQueue(queue, { arguments: { ...args, 'x-message-ttl': 2_000 } }),
    )
    await attempt('no ttl', (on) => on.assertQueue(queue, { arguments: args }))
    await attempt('type', (on) => on.assertExchange(exchange, 'direct', { durable: true }))
    await attempt('queue', (on) => on.checkQueue(script.name('none')))
    await attempt('exchange', (on) => on.checkExchange(script.name('none')))
    await attempt('bind', (on) => on.bindQueue(queue, script.name('none'), 'k'))
    await attempt('consume', (on) => on.consume(script.name('none'), () => {}))
    script.note(await channel.checkQueue(queue))
  },

  async 'gets messages one by one'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    for (const text of ['a', 'b']) await script.publish(channel, '', queue, text)
    const first = await channel.get(queue)
    script.note(first !== false && [first.content.toString(), first.fields])
    const second = await channel.get(queue, { noAck: true })
    script.note(second !== false && [second.content.toString(), second.fields])
    script.note(await channel.get(queue))
    await channel.close()
    const other = await script.channel()
    const again = await other.get(queue)
    script.note(again !== false && [again.content.toString(), again.fields.redelivered])
  },

  async 'keeps the properties of a message'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    await script.publish(channel, '', queue, 'a', {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers: { text: 't', number: 7, nested: { list: ['a', 1] } },
      correlationId: 'c',
      replyTo: 'r',
      messageId: 'm',
      timestamp: 1_700_000_000,
      type: 't',
      appId: 'p',
    })
    channel.publish('', queue, Buffer.from('b'))
    await after(script, 2, () => script.consume(channel, queue, { noAck: true }))
  },

  async 'matches topics by words'(script) {
    const channel = await script.confirmChannel()
    const exchange = await script.exchange(channel, 'x', 'topic')
    const keys = ['', 'a', 'a.b', 'b.a', 'a.b.c', 'a.c.b', 'a.a.b.b', '.', 'a.']
    const patterns = ['', 'a', 'a.b', '*', '#', 'a.*', 'a.#', '*.b', '#.b', 'a.*.#', '#.b.#', '#.#']
    for (const [at, pattern] of patterns.entries()) {
      const queue = await script.queue(channel, `q${at}`, { 'x-queue-type': 'classic' })
      await channel.bindQueue(queue, exchange, pattern)
    }
    for (const key of keys) channel.publish(exchange, key, Buffer.from(key))
    await channel.waitForConfirms()
    for (const [at, pattern] of patterns.entries()) {
      const matched: string[] = []
      for (;;) {
        const message = await channel.get(script.name(`q${at}`), { noAck: true })
        if (message === false) break
        matched.push(message.content.toString())
      }
      script.note(pattern, matched)
    }
  },

  async 'cancels the consumers of a queue that is deleted'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    await script.publish(channel, '', queue, 'a')
    const kept = await after(script, 1, () => script.consume(channel, queue))
    const deleted = await (await script.channel()).deleteQueue(queue)
    await script.noted(2)
    script.note(deleted)
    channel.ack(kept[0]!)
    await script.refused('check', () => channel.checkQueue(queue))
  },

  async 'lets a cancelled consumer settle what it has'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    for (const text of ['a', 'b']) await script.publish(channel, '', queue, text)
    const kept = await after(script, 2, () => script.consume(channel, queue))
    script.note(await channel.cancel('consumer'))
    channel.ack(kept[0]!)
    channel.nack(kept[1]!)
    await script.ready(channel, queue, 1)
  },

  async 'loses a connection, and delivers again on the next'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    for (const text of ['a', 'b']) await script.publish(channel, '', queue, text)
    const [first] = await after(script, 2, () => script.consume(channel, queue))
    script.cut()
    await script.noted(5)
    await script.refused('ack', () => channel.ack(first!))
    const other = await script.channel()
    await after(script, 8, () => script.consume(other, queue, { consumerTag: 'other' }))
  },
}

/** Gives back one of three by nack, one by reject and one by closing the channel. */
async function giveBack(script: Script, args: Record<string, unknown>): Promise<void> {
  const channel = await script.confirmChannel()
  const queue = await script.queue(channel, 'q', args)
  await channel.prefetch(1)
  for (const text of ['a', 'b', 'c']) await script.publish(channel, '', queue, text)
  const kept = await after(script, 1, () => script.consume(channel, queue))
  channel.nack(kept[0]!)
  await script.noted(2)
  channel.reject(kept[1]!)
  await script.noted(3)
  await channel.close()
  const other = await script.channel()
  await other.prefetch(1)
  const again = await after(script, 5, () => script.consume(other, queue))
  other.ack(again[0]!)
  await script.noted(6)
  other.ack(again[1]!)
  await script.noted(7)
}

/** Does it, and waits until so many notes are there. */
export async function after<T>(script: Script, notes: number, work: () => Promise<T>): Promise<T> {
  const result = await work()
  await script.noted(notes)
  return result
}
