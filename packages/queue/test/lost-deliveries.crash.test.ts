// Goal: what a broker believes to be in a consumer's hands and is not comes again, by itself.
// Method: a wire that loses deliveries, as a quorum queue does while its leader changes.
import { describe, it } from 'vitest'
import { waitFor } from '@payflow/testkit'
import { NoteWritten } from './support/messages.ts'
import { Proxy } from './support/proxy.ts'
import { createWorld, leaveEffect } from './support/world.ts'

const PREFETCH = 4
/** Half a minute of quiet, and the broker's answers. */
const BACK_MS = 60_000

describe.concurrent('a consumer whose deliveries were lost on their way', () => {
  it.for([
    { order: 'none', count: PREFETCH - 1, that: 'some' },
    { order: 'none', count: PREFETCH * 3, that: 'all it may hold' },
    { order: 'key', count: PREFETCH - 1, that: 'some' },
    { order: 'key', count: PREFETCH * 3, that: 'all it may hold' },
  ] as const)(
    'QUEUE-13 order $order: it gets $that again',
    async ({ order, count }, { expect }) => {
      const world = await createWorld()
      await using wire = await Proxy.to(world.rabbitmqUrl)
      wire.loseDeliveries()
      const bus = world.bus({ broker: { url: wire.url } })
      const consumer = bus
        .consumer({
          name: 'notes',
          queue: world.queue,
          messages: [NoteWritten],
          order,
          concurrency: 2,
          prefetch: PREFETCH,
        })
        .handle(NoteWritten, async (message, { trx }) => {
          await leaveEffect(trx, message.id, message.data.text)
        })
      await consumer.start()
      await waitFor(() => consumer.health().state === 'running')
      const texts = Array.from({ length: count }, (_, index) => `note ${10 + index}`)
      for (const text of texts) await bus.publish(NoteWritten, { subject: 'a', text })
      await waitFor(() => wire.lost === Math.min(count, PREFETCH))
      wire.deliverAgain()

      const effects = await world.waitForEffects(count, BACK_MS)
      expect(effects.toSorted()).toEqual(texts)
      if (order === 'key') expect(effects).toEqual(texts)
      await waitFor(() => consumer.health().counts.inFlight === 0)
      // Nobody was told that it came back, because it was never away.
      expect(world.eventsOf('consumer.interrupted')).toEqual([])
      expect(bus.health()).toMatchObject({ ready: true, consume: { generation: 1 } })
      await world.dispose()
    },
  )
})
