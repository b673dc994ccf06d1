// Traffic for the cluster tests: an outbox whose messages of a key must keep their order, and direct
// publishing that goes on whatever is refused. Knows what must have had its effect, and when any had.
import type { RabbitCluster, RabbitNode } from '@payflow/testkit'
import { waitFor } from '@payflow/testkit'
import type { Bus, BusEvent, Consumer } from '../../src/index.ts'
import { describeStandstill } from './cluster-standstill.ts'
import type { TimedEvent } from './cluster-standstill.ts'
import { NoteFiled, NoteWritten } from './messages.ts'
import { inTransaction, leaveEffect } from './world.ts'
import type { World } from './world.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e']
const PATIENCE = { timeoutMs: 180_000, intervalMs: 50 }

/** What every bus of these tests declares: one queue ordered by key, one without order. */
export function bindingsOf(world: World) {
  return {
    exchange: world.exchange,
    bindings: [
      { queue: world.queue, types: ['notes.written'], order: 'key' as const },
      { queue: `${world.queue}.filed`, types: ['notes.filed'] },
    ],
  }
}

/** A bus that consumes both queues and relays, connected to these nodes in their order, and its load. */
export class ClusterLoad {
  readonly bus: Bus
  readonly consumers: readonly Consumer<any>[]
  /** Texts whose publish resolved. */
  readonly confirmed: string[] = []
  /** Codes of the publishes that were refused. */
  readonly refused: string[] = []
  readonly #world: World
  readonly #written = new Map<string, string[]>(KEYS.map((key) => [key, []]))
  readonly #name: string
  readonly #commits: number[] = []
  readonly #events: TimedEvent[] = []
  #wanted = true
  #loops: Promise<unknown> = Promise.resolve()

  constructor(world: World, name: string, nodes: readonly RabbitNode[]) {
    this.#world = world
    this.#name = name
    this.bus = world.bus({
      broker: {
        urls: nodes.map(({ url }) => url),
        order: 'given',
        heartbeatS: 2,
        connectTimeoutMs: 2_000,
      },
      confirmTimeoutMs: 3_000,
      topology: bindingsOf(world),
      onEvent: (event) => this.#happened(event),
    })
    const handle = async (id: string, text: string, trx: any): Promise<void> =>
      await leaveEffect(trx, id, text)
    this.consumers = [
      this.bus
        .consumer({
          name: 'written',
          queue: world.queue,
          messages: [NoteWritten],
          order: 'key',
          retry: { delaysMs: [100] },
        })
        .handle(NoteWritten, ({ id, data }, { trx }) => handle(id, data.text, trx)),
      this.bus
        .consumer({
          name: 'filed',
          queue: `${world.queue}.filed`,
          messages: [NoteFiled],
          retry: { delaysMs: [100] },
        })
        .handle(NoteFiled, ({ id, data }, { trx }) => handle(id, data.text, trx)),
    ]
  }

  /** Messages in the outbox so far. */
  get written(): number {
    return [...this.#written.values()].reduce((sum, texts) => sum + texts.length, 0)
  }

  /** Consumes, relays and publishes until {@link settle}. */
  async start(): Promise<void> {
    for (const consumer of this.consumers) await consumer.start()
    this.bus.relay({ pollMs: 50 }).start()
    await waitFor(() => this.bus.health().ready, PATIENCE)
    this.#loops = Promise.all([
      this.#writeOutbox(),
      ...['1', '2', '3', '4'].map((lane) => this.#publishDirectly(lane)),
    ])
    await waitFor(() => this.confirmed.length > 50 && this.#commits.length > 100, PATIENCE)
  }

  /** Resolves when this many more messages were handled, and this many more publishes confirmed. */
  async goesOn(count = 50): Promise<void> {
    const [commits, confirms] = [this.#commits.length, this.confirmed.length]
    await waitFor(
      () => this.#commits.length > commits + count && this.confirmed.length > confirms + count,
      PATIENCE,
    )
  }

  /** The longest time since `from` without a committed message, in ms. */
  longestGapMs(from: number): number {
    const since = [from, ...this.#commits.filter((at) => at >= from)]
    return Math.round(Math.max(...since.slice(1).map((at, index) => at - (since[index] ?? at))))
  }

  /**
   * Stops the load and waits until every confirmed message and every one of the outbox has had its effect,
   * and the broker holds nothing. Resolves with what is wrong then: an effect that is there twice, a
   * key out of its order, a delivery that is not accounted for, a row that was not sent.
   */
  async settle(cluster: RabbitCluster): Promise<string[]> {
    this.#wanted = false
    await this.#loops
    await this.#reach(cluster, 'every message to have its effect', async () => {
      return (await this.#missing()).length === 0
    })
    await this.#reach(cluster, 'the consumers to hold nothing', () => {
      return this.consumers.every((consumer) => consumer.health().counts.inFlight === 0)
    })
    await this.#reach(cluster, 'the queues to hold nothing', async () => {
      return (await this.#waiting(cluster)) === 0
    })
    const faults = this.#faultsIn(await this.#effects())
    const { pending } = await this.bus.outboxDepth()
    if (pending > 0) faults.push(`${pending} rows pending`)
    await this.bus.drain()
    return faults
  }

  /** Waits, and if that is in vain tells how things stand: it may not be seen again. */
  async #reach(
    cluster: RabbitCluster,
    what: string,
    condition: () => boolean | Promise<boolean>,
  ): Promise<void> {
    try {
      await waitFor(condition, { ...PATIENCE, message: what })
    } catch (error) {
      const [world, events] = [this.#world, this.#events]
      const missing = await this.#missing()
      const standstill = await describeStandstill({
        bus: this.bus,
        world,
        cluster,
        missing,
        events,
      })
      throw new Error(`${(error as Error).message}\n${standstill}`, { cause: error })
    }
  }

  /** Texts that must have had their effect, and have not. */
  async #missing(): Promise<string[]> {
    const seen = new Set(await this.#effects())
    const wanted = [...this.confirmed, ...[...this.#written.values()].flat()]
    return wanted.filter((text) => !seen.has(text))
  }

  #faultsIn(effects: readonly string[]): string[] {
    const faults: string[] = []
    if (new Set(effects).size !== effects.length) faults.push('an effect is doubled')
    for (const [key, texts] of this.#written) {
      const prefix = `${this.#name} ${key} `
      const order = effects.filter((text) => text.startsWith(prefix))
      if (order.join() !== texts.join()) faults.push(`key ${key} is out of order`)
    }
    for (const consumer of this.consumers) {
      const { delivered, ...rest } = consumer.health().counts
      const sum = Object.values(rest).reduce((total, count) => total + count, 0)
      if (sum !== delivered) faults.push(`${consumer.health().name} does not balance`)
      if (rest.parked > 0) faults.push(`${rest.parked} parked`)
    }
    return faults
  }

  #happened(event: BusEvent): void {
    this.#world.events.push(event)
    this.#events.push({ at: new Date(), event })
    if (event.type === 'message.committed') this.#commits.push(performance.now())
  }

  async #effects(): Promise<string[]> {
    const all = await this.#world.effects()
    return all.filter((text) => text.startsWith(`${this.#name} `))
  }

  /** Messages in both queues, in hand or not. */
  async #waiting(cluster: RabbitCluster): Promise<number> {
    const [node] = cluster.nodes
    const list =
      (await node?.ctl('list_queues', '-q', '--no-table-headers', 'name', 'messages')) ?? ''
    const ours = list.split('\n').filter((line) => line.startsWith(this.#world.queue))
    return ours.reduce((sum, line) => sum + Number(line.split('\t')[1]), 0)
  }

  async #writeOutbox(): Promise<void> {
    for (let number = 0; this.#wanted && this.bus.health().live; number += 1) {
      const key = KEYS[number % KEYS.length] as string
      const text = `${this.#name} ${key} ${`${number}`.padStart(6, '0')}`
      await inTransaction(this.bus, this.#world.db, (trx) =>
        this.bus.outbox(trx).publish(NoteWritten, { subject: key, text }),
      )
      this.#written.get(key)?.push(text)
    }
  }

  async #publishDirectly(lane: string): Promise<void> {
    for (let number = 0; this.#wanted; number += 1) {
      const text = `${this.#name} direct ${lane} ${number}`
      try {
        await this.bus.publish(NoteFiled, { subject: 'direct', text })
        this.confirmed.push(text)
      } catch (error) {
        const { code } = error as { code: string }
        if (code === 'QUEUE_CLOSED') return
        this.refused.push(code)
      }
    }
  }
}
