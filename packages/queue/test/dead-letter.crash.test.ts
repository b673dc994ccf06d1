// The queue a message should go to next is missing, or full and refusing. A broker of our own, because
// how full a queue may be is a policy, and those are set with the server's own tool.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort, startRabbitmq, temporaryFolder, waitFor } from '@payflow/testkit'
import type { Server } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { Bus, Consumer } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { rabbitmqctl } from './support/rabbitmqctl.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const PATIENCE = { timeoutMs: 30_000 }
/** A channel that was refused is used for at most 5 s more. */
const BACK_MS = 15_000
const dataDir = temporaryFolder('queue-dead-letter')
let epmdPort: number
let server: Server
let world: World
let bus: Bus
let consumer: Consumer<any>
let broken: (text: string) => boolean

const ctl = async (...args: string[]): Promise<void> => {
  expect(await rabbitmqctl(server, { home: dataDir, epmdPort }, args)).toBeDefined()
}

/** The queue takes so many messages and refuses the next. */
const fill = (queue: string, limit = 1): Promise<void> =>
  ctl(
    'set_policy',
    '--apply-to',
    'queues',
    'full',
    `^${queue}$`,
    JSON.stringify({ 'max-length': limit, overflow: 'reject-publish' }),
  )

beforeAll(async () => {
  epmdPort = await freePort()
  server = await startRabbitmq({ dataDir, epmdPort })
  // How long the broker's dead-letter worker waits before it offers a refused message again: 3 minutes.
  await ctl(
    'eval',
    'application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, 500).',
  )
})
afterAll(async () => {
  await server.stop()
})
beforeEach(async () => {
  world = await createWorld({ rabbitmqUrl: server.url })
  broken = (text) => text === 'broken'
  bus = world.bus({ confirmTimeoutMs: 1_000 })
  consumer = bus
    .consumer({
      name: 'notes',
      queue: world.queue,
      messages: [NoteWritten],
      retry: { attempts: 2, delaysMs: [200] },
    })
    .handle(NoteWritten, async (message, { trx }) => {
      if (broken(message.data.text)) throw deadLetter('broken')
      await leaveEffect(trx, message.id, message.data.text)
    })
})
afterEach(async () => {
  await world.dispose()
})

const publish = (text: string): Promise<unknown> =>
  bus.publish(NoteWritten, { subject: 'a', text }, { id: text })

describe('consumer', () => {
  it('QUEUE-39 a parking queue that is gone is declared again, and nothing is lost', async () => {
    await consumer.start()
    await bus.topology.apply()
    const channel = await world.channel()
    await channel.deleteQueue(`${world.queue}.parked`)
    await publish('broken')
    await waitFor(async () => (await bus.queueDepth(`${world.queue}.parked`)).ready === 1)
    expect((await world.take(`${world.queue}.parked`)).properties.messageId).toBe('broken')
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(consumer.health().counts).toMatchObject({ delivered: 1, parked: 1 })
  })

  it('QUEUE-39 a full parking queue leaves the message in hand; its neighbours flow', async () => {
    await consumer.start()
    await bus.topology.apply()
    const parking = `${world.queue}.parked`
    await fill(parking)
    broken = (text) => text.startsWith('broken')
    // A quorum queue takes a few beyond its limit before it refuses, so this goes on until one is refused.
    let sent = 0
    const held = (): boolean => world.eventsOf('message.held').length > 0
    while (!held()) {
      await publish(`broken ${(sent += 1)}`)
      await waitFor(() => held() || consumer.health().counts.parked === sent, PATIENCE)
    }
    expect(world.eventsOf('message.held')[0]?.error).toMatchObject({ code: 'QUEUE_NACKED' })
    await publish('neighbour')
    expect(await world.waitForEffects(1)).toEqual(['neighbour'])
    expect(consumer.health().counts).toMatchObject({
      parked: sent - 1,
      inFlight: 1,
      abandoned: 0,
      released: 0,
    })
    await ctl('clear_policy', 'full')
    await waitFor(() => consumer.health().counts.parked === sent, PATIENCE)
    const { messages } = await bus.parked(world.queue).list()
    expect(new Set(messages.map(({ id }) => id)).size).toBe(sent)
  })

  it.each(['lifted', 'raised a little'])(
    'QUEUE-39 publishers get through a queue whose limit was %s, by themselves',
    async (how) => {
      await consumer.start()
      await bus.topology.apply()
      await consumer.pause()
      await fill(world.queue)
      const codes: (string | undefined)[] = []
      const tryOnce = async (): Promise<string | undefined> => {
        const code = await publish(`note ${codes.length}`).then(
          () => undefined,
          (error: { code: string }) => error.code,
        )
        codes.push(code)
        return code
      }
      await waitFor(async () => (await tryOnce()) === 'QUEUE_NACKED', PATIENCE)
      // Raised so little that the queue is still almost full, which is no reason for the broker to tell
      // its publishers to go on.
      const taken = codes.filter((code) => code === undefined).length
      if (how === 'lifted') await ctl('clear_policy', 'full')
      else await fill(world.queue, taken)
      const liftedAt = performance.now()
      await waitFor(async () => (await tryOnce()) === undefined, PATIENCE)
      expect(performance.now() - liftedAt).toBeLessThan(BACK_MS)
      expect(bus.health().publish).toMatchObject({ state: 'up', generation: 1 })
      await ctl('clear_policy', 'full').catch(() => {})
    },
  )

  it.each(['missing', 'full'])(
    'QUEUE-39 the broker keeps what waited out its delay while the work queue is %s',
    async (state) => {
      await bus.topology.apply()
      const channel = await world.channel()
      if (state === 'missing') await channel.deleteQueue(world.queue)
      else {
        await fill(world.queue)
        await waitFor(async () => {
          await world.send(world.queue, 'in the way')
          return (await world.ready()) > 1
        })
      }
      const before = state === 'missing' ? 0 : await world.ready()
      const wait = `${world.queue}.wait.200`
      await world.send(wait, JSON.stringify({ subject: 'a', text: 'kept' }), {
        messageId: 'kept',
        type: 'notes.written',
        contentType: 'application/json',
      })
      // It has waited long enough when it can't be taken from the wait queue any more, and is not lost.
      await waitFor(async () => (await world.ready(wait)) === 0)
      const refusedSoFar = state === 'missing' || (await world.ready()) === before
      expect(refusedSoFar).toBe(true)
      if (state === 'full') {
        await channel.purgeQueue(world.queue)
        await ctl('clear_policy', 'full')
      }
      await consumer.start()
      expect(await world.waitForEffects(1, 60_000)).toEqual(['kept'])
    },
  )
})
