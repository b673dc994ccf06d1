import type { BrokerScript } from './broker-scripts.ts'
import { after } from './broker-scripts.ts'

/** Scripts of a broker that has run out of memory. */
export const alarmScripts: Readonly<Record<string, BrokerScript>> = {
  async 'blocks who publishes during an alarm, and reads nothing more of them'(script) {
    const publishing = await script.model()
    const channel = await script.confirmChannel(publishing)
    const queue = await script.queue(channel, 'q')
    const other = await script.channel()
    await script.publish(channel, '', queue, 'a')
    await script.alarm(true)
    const confirmed = (what: string) => (): void => script.note('confirm', what)
    for (const text of ['b', 'c']) {
      channel.publish('', queue, Buffer.from(text), { persistent: true }, confirmed(text))
    }
    await script.noted(1)
    await script.ready(other, queue, 1)
    await script.alarm(false)
    await script.noted(5)
    await script.ready(other, queue, 3)
  },

  async 'lets who only consumes go on during an alarm'(script) {
    const channel = await script.confirmChannel()
    const queue = await script.queue(channel, 'q')
    for (const text of ['a', 'b']) await script.publish(channel, '', queue, text)
    await script.alarm(true)
    const consuming = await script.channel()
    await consuming.prefetch(1)
    const kept = await after(script, 1, () => script.consume(consuming, queue))
    consuming.ack(kept[0]!)
    await script.noted(2)
    consuming.ack(kept[1]!)
    await script.ready(consuming, queue, 0)
    await script.alarm(false)
  },
}
