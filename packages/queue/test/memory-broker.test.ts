// What the model of the broker says of itself.
import { describe, expect, it } from 'vitest'
import { memoryBroker } from '../src/testing/index.ts'

describe('memoryBroker', () => {
  it('refuses what it does not model, instead of pretending', async () => {
    const broker = memoryBroker()
    const model = await broker.connect(broker.url)
    const channel = await model.createChannel()
    const notModelled = /does not model .*: test that with RabbitMQ/
    for (const call of [
      () => channel.assertQueue('q', { maxPriority: 9 }),
      () => channel.assertQueue('q', { exclusive: true }),
      () => channel.assertExchange('x', 'headers'),
      () => channel.prefetch(1, true),
    ]) {
      await expect(call()).rejects.toThrow(notModelled)
    }
    // The channel is none the worse for it.
    await expect(channel.assertQueue('q')).resolves.toMatchObject({ queue: 'q', messageCount: 0 })
    await model.close()
  })

  it('refuses connections while it is stopped, and keeps what its queues hold', async () => {
    const broker = memoryBroker()
    const model = await broker.connect(broker.url)
    model.on('error', () => {})
    const channel = await model.createConfirmChannel()
    await channel.assertQueue('q')
    channel.sendToQueue('q', Buffer.from('kept'), { messageId: 'm' })
    await channel.waitForConfirms()
    broker.stop()
    await expect(broker.connect(broker.url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    broker.start()
    const again = await (await broker.connect(broker.url)).createChannel()
    expect(await again.checkQueue('q')).toMatchObject({ messageCount: 1 })
    expect(broker.waiting('q')).toMatchObject([{ messageId: 'm', body: Buffer.from('kept') }])
  })
})
