// Goal: credentials change under a working bus and nothing is lost, doubled or interrupted.
// Method: a broker of our own, whose users rabbitmqctl adds, changes and deletes; one with TLS.
import { sql } from 'kysely'
import type { Kysely } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { freePort, startRabbitCluster, temporaryFolder, waitFor } from '@payflow/testkit'
import type { RabbitCluster, RabbitNode } from '@payflow/testkit'
import { deadLetter } from '../src/index.ts'
import type { BrokerCredentials, BrokerOptions, Bus, BusOptions, Consumer } from '../src/index.ts'
import { NoteWritten } from './support/messages.ts'
import { makePrivateCa } from './support/private-ca.ts'
import type { PrivateCa } from './support/private-ca.ts'
import { createWorld, leaveEffect } from './support/world.ts'
import type { World } from './support/world.ts'

const BROKER_NAME = 'broker.payflow.test'
let cluster: RabbitCluster
let node: RabbitNode
let ca: PrivateCa
let tlsUrl: string
let plainUrl: string
let world: World

beforeAll(async () => {
  ca = await makePrivateCa(temporaryFolder('queue-ca'), BROKER_NAME)
  const tlsPort = await freePort()
  cluster = await startRabbitCluster({
    nodes: 1,
    settings: {
      'listeners.ssl.default': String(tlsPort),
      'ssl_options.cacertfile': ca.caFile,
      'ssl_options.certfile': ca.certFile,
      'ssl_options.keyfile': ca.keyFile,
      'ssl_options.verify': 'verify_none',
    },
  })
  node = cluster.nodes[0] as RabbitNode
  const { host, hostname } = new URL(node.url)
  plainUrl = `amqp://${host}`
  tlsUrl = `amqps://guest:guest@${hostname}:${tlsPort}`
})
afterAll(async () => {
  await cluster.stop()
})
beforeEach(async () => {
  world = await createWorld({ rabbitmqUrl: node.url })
})
afterEach(async () => {
  await world.dispose()
})

async function addUser({ username, password }: BrokerCredentials): Promise<void> {
  await node.ctl('add_user', username, password)
  await node.ctl('set_permissions', username, '.*', '.*', '.*')
}

function busWith(broker: BrokerOptions, options: Partial<BusOptions<any>> = {}): Bus {
  return world.bus({
    broker: { url: plainUrl, ...broker },
    topology: {
      exchange: world.exchange,
      bindings: [{ queue: world.queue, types: ['notes.written'] }],
    },
    ...options,
  })
}

/** Does `work` for each message before it leaves its effect. */
async function consuming(
  bus: Bus,
  work: (trx: Kysely<any>) => Promise<unknown>,
): Promise<Consumer<any>> {
  const consumer = bus
    .consumer({ name: 'notes', queue: world.queue, messages: [NoteWritten], concurrency: 4 })
    .handle(NoteWritten, async (message, { trx }) => {
      await work(trx)
      await leaveEffect(trx, message.id, message.data.text)
    })
  await consumer.start()
  await waitFor(() => consumer.health().state === 'running', { timeoutMs: 30_000 })
  return consumer
}

/** Publishes numbered notes one after another until told to stop; tells how many were confirmed. */
function publishing(bus: Bus): { stop(): Promise<number>; confirmed(): number } {
  let wanted = true
  let confirmed = 0
  const done = (async () => {
    while (wanted) {
      await bus.publish(NoteWritten, { subject: 'a', text: `${confirmed}` })
      confirmed += 1
    }
  })()
  return {
    confirmed: () => confirmed,
    async stop() {
      wanted = false
      await done
      return confirmed
    },
  }
}

/** Kinds of event that no rotation may cause. */
function disturbances(): string[] {
  const kinds = /^(connection\.down|consumer\.interrupted|message\.(abandoned|duplicate|released))$/
  return world.events.map(({ type }) => type).filter((type) => kinds.test(type))
}

// Patient: every right is given and taken with rabbitmqctl, which starts a machine of its own.
describe('credentials', { timeout: 180_000 }, () => {
  it('rotates to another user under load, with the old user deleted, and nothing notices', async () => {
    const [one, two] = ['one', 'two'].map((username) => ({ username, password: `${username}-pw` }))
    await addUser(one!)
    let current = one!
    const bus = busWith({ credentials: async () => current })
    const consumer = await consuming(bus, (trx) => sql`select pg_sleep(0.005)`.execute(trx))
    const load = publishing(bus)
    await waitFor(() => load.confirmed() > 50, { timeoutMs: 30_000 })

    await addUser(two!)
    current = two!
    await bus.rotate()
    // RabbitMQ ends the connections of a user who is deleted: there must be none left.
    await node.ctl('delete_user', 'one')
    const after = load.confirmed()
    await waitFor(() => load.confirmed() > after + 50, { timeoutMs: 30_000 })

    const count = await load.stop()
    await world.waitForEffects(count, 60_000)
    await waitFor(() => consumer.health().counts.inFlight === 0)
    const effects = await world.effects()
    expect(effects).toHaveLength(count)
    expect(new Set(effects).size).toBe(count)
    expect(consumer.health().counts).toMatchObject({ delivered: count, committed: count })
    expect(disturbances()).toEqual([])
    expect(bus.health()).toMatchObject({
      ready: true,
      publish: { generation: 2, state: 'up' },
      consume: { generation: 2, state: 'up' },
    })
    const users = await node.ctl('list_connections', '-q', '--no-table-headers', 'user')
    expect(users.split('\n').filter((user) => user === 'two')).toHaveLength(2)
  })

  it('asks for them at every connection, so a changed password is picked up', async () => {
    const user = { username: 'three', password: 'old' }
    await addUser(user)
    let asked = 0
    let password = 'old'
    const bus = busWith({
      credentials: () => {
        asked += 1
        return { username: 'three', password }
      },
    })
    await bus.topology.apply()
    expect(asked).toBe(1)
    password = 'new'
    await node.ctl('change_password', 'three', 'new')
    await node.ctl('close_all_connections', 'maintenance')
    await waitFor(() => bus.health().publish.generation === 2, { timeoutMs: 30_000 })
    await waitFor(() => bus.publish(NoteWritten, { subject: 'a', text: 'taken' }))
    expect(asked).toBe(2)
  })

  it('replaces them before they expire, again and again', async () => {
    await addUser({ username: 'four', password: 'four' })
    const bus = busWith({
      credentials: () => ({ username: 'four', password: 'four', validForMs: 1_000 }),
    })
    await consuming(bus, async () => {})
    const load = publishing(bus)
    await waitFor(() => bus.health().consume.generation >= 3, { timeoutMs: 30_000 })
    const count = await load.stop()
    expect(await world.waitForEffects(count, 60_000)).toHaveLength(count)
    expect(disturbances()).toEqual([])
  })

  it('keeps the old connection when the new credentials are refused, and says so', async () => {
    await addUser({ username: 'five', password: 'right' })
    let password = 'right'
    const bus = busWith({ credentials: () => ({ username: 'five', password, validForMs: 2_000 }) })
    await bus.topology.apply()
    password = 'wrong'
    await expect(bus.rotate()).rejects.toThrow(/ACCESS[_-]REFUSED/)
    await bus.publish(NoteWritten, { subject: 'a', text: 'still taken' })
    const failed = await waitFor(() => world.eventsOf('connection.rotation-failed')[0])
    expect(failed).toMatchObject({ purpose: 'publish', error: { message: /ACCESS/ } })
    password = 'right'
    await waitFor(() => bus.health().publish.generation === 2, { timeoutMs: 30_000 })
    expect(disturbances()).toEqual([])
  })

  it('QUEUE-29 rotates under a consumer ordered by key, and the order holds', async () => {
    const bus = busWith({ url: node.url }, { topology: { exchange: world.exchange } })
    const consumer = bus
      .consumer({
        name: 'notes',
        queue: world.queue,
        messages: [NoteWritten],
        concurrency: 4,
        prefetch: 20,
        order: 'key',
      })
      .handle(NoteWritten, async (message, { trx }) => {
        await sql`select pg_sleep(random() * 0.01)`.execute(trx)
        await leaveEffect(trx, message.id, `${message.data.subject} ${message.data.text}`)
      })
    await consumer.start()
    await waitFor(() => consumer.health().state === 'running', { timeoutMs: 30_000 })
    const numbers = Array.from({ length: 100 }, (_, at) => `${at}`.padStart(3, '0'))
    const published = (async () => {
      for (const text of numbers) {
        await bus.publish(NoteWritten, { subject: 'a', text })
        await bus.publish(NoteWritten, { subject: 'b', text })
      }
    })()
    await waitFor(() => consumer.health().counts.committed > 20, { timeoutMs: 30_000 })
    await bus.rotate()
    await published
    const effects = await world.waitForEffects(200, 60_000)
    for (const key of ['a', 'b']) {
      expect(effects.filter((note) => note.startsWith(key))).toEqual(
        numbers.map((text) => `${key} ${text}`),
      )
    }
    expect(bus.health().consume.generation).toBe(2)
  })

  it('a handler that outlasts the drain of a rotation still has its effect once', async () => {
    const bus = busWith({ url: node.url })
    const { promise: held, resolve: goOn } = Promise.withResolvers<void>()
    let begun = 0
    const consumer = await consuming(bus, async () => {
      begun += 1
      await held
    })
    await bus.publish(NoteWritten, { subject: 'a', text: 'slow' })
    await waitFor(() => begun === 1)
    await bus.rotate({ drainMs: 100 })
    // The broker delivers it again, on the new connection; that one waits for the first one's commit.
    await waitFor(() => consumer.health().counts.delivered === 2)
    goOn()
    await waitFor(() => consumer.health().counts.inFlight === 0)
    expect(await world.effects()).toEqual(['slow'])
    expect(await world.ready()).toBe(0)
  })
})

describe('a redrive', () => {
  it.each([
    ['with time to move over', {}],
    ['cut off in the middle', { drainMs: 1 }],
  ])('goes on across rotations, %s', async (_how, rotation) => {
    const bus = busWith({ url: node.url }, { topology: { exchange: world.exchange } })
    let broken = true
    const consumer = await consuming(bus, async () => {
      if (broken) throw deadLetter('broken')
    })
    const texts = Array.from({ length: 60 }, (_, at) => `${at}`)
    for (const text of texts) await bus.publish(NoteWritten, { subject: 'a', text })
    await waitFor(() => consumer.health().counts.parked === texts.length, { timeoutMs: 30_000 })
    broken = false
    let moved = 0
    const redriven = bus.parked(world.queue).redrive({
      reason: 'repaired',
      actor: 'test',
      ratePerS: 20,
      onProgress: (progress) => (moved = progress.moved),
    })
    redriven.catch(() => {})
    for (const after of [10, 20, 30]) {
      await waitFor(() => moved >= after, { timeoutMs: 30_000 })
      await bus.rotate(rotation)
      // The old connections are gone, whoever was still at work on them.
      expect(moved).toBeLessThan(texts.length)
    }
    expect(await redriven).toMatchObject({ outcome: 'done', refused: 0 })
    expect((await world.waitForEffects(texts.length, 60_000)).toSorted()).toEqual(texts.toSorted())
    expect(await world.ready(`${world.queue}.parked`)).toBe(0)
    const { rows } = await sql`select outcome from queue.operator_action`.execute(world.db)
    expect(rows).toEqual([{ outcome: 'done' }])
  })
})

describe('TLS', () => {
  it('connects to a broker whose certificate a private authority issued, and to no other', async () => {
    const tls = { ca: ca.ca, servername: BROKER_NAME }
    const bus = busWith({ url: tlsUrl, tls })
    await consuming(bus, async () => {})
    await bus.publish(NoteWritten, { subject: 'a', text: 'sealed' })
    expect(await world.waitForEffects(1)).toEqual(['sealed'])

    const trusting = busWith({ url: tlsUrl, tls: { servername: BROKER_NAME } })
    await expect(trusting.topology.apply({ timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'QUEUE_BROKER_UNAVAILABLE',
    })
    expect(trusting.health().publish.lastError).toMatch(/certificate/)

    const elsewhere = busWith({ url: tlsUrl, tls: { ...tls, servername: 'another.test' } })
    await expect(elsewhere.topology.apply({ timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'QUEUE_BROKER_UNAVAILABLE',
    })
    expect(elsewhere.health().publish.lastError).toMatch(/another\.test/)
  })

  it('is not forgotten: TLS options with an amqp:// URL are refused', () => {
    const refused = { code: 'QUEUE_INVALID_OPTIONS' }
    expect(() => busWith({ url: plainUrl, tls: {} })).toThrow(expect.objectContaining(refused))
    expect(() => busWith({ url: 'http://x' })).toThrow(expect.objectContaining(refused))
    expect(() => busWith({ urls: [] })).toThrow(expect.objectContaining(refused))
  })
})
