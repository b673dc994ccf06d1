import { pause } from '../backoff.ts'
import { BrokerUnavailableError } from '../errors.ts'
import type { QueueBinding } from '../options.ts'
import type { Reporter } from '../reporter.ts'
import { requireOrder } from '../resolve-options.ts'
import type { ResolvedConsumerOptions } from '../resolve-options.ts'
import type { BrokerConnection, LiveConnection } from './connection.ts'
import { declareTopology, defaultParkingQueue } from './topology.ts'
import type { QueueSpec, TopologySpec } from './topology.ts'

interface BusTopologyParts {
  readonly exchange: string
  /** Queues the bus publishes to. */
  readonly bindings: readonly QueueSpec[]
  readonly publish: BrokerConnection
  readonly consume: BrokerConnection
  readonly reporter: Reporter
  /** The consumers of the bus by now. */
  readonly consumers: () => readonly ResolvedConsumerOptions[]
}

const APPLY_AGAIN_MS = 100

/** What one bus needs at the broker, for its bindings and for its consumers. */
export class BusTopology {
  readonly #parts: BusTopologyParts

  constructor(parts: BusTopologyParts) {
    this.#parts = parts
  }

  /** All of it. */
  get wanted(): TopologySpec {
    const { exchange, bindings, consumers } = this.#parts
    return { exchange, queues: [...bindings, ...consumers().map(queueOfConsumer)] }
  }

  /** Declares what this bus publishes to. What can't be declared is reported and no error. */
  async declareBindings(live: LiveConnection): Promise<void> {
    await this.#declare(live, this.#parts.bindings).catch(() => {})
  }

  /** Declares what a consumer needs; rejects with what the broker has against it. */
  async declareFor(consumer: ResolvedConsumerOptions, live: LiveConnection): Promise<void> {
    await this.#declare(live, [queueOfConsumer(consumer)])
  }

  /** Declares all of it, over the next connection when one is lost in the middle. */
  async apply(timeoutMs = 30_000): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs)
    for (;;) {
      const live = await this.#parts.publish.waitUp(deadline)
      if (live === undefined) {
        throw new BrokerUnavailableError(`There was no connection to the broker in ${timeoutMs} ms`)
      }
      try {
        return await this.#declare(live, this.wanted.queues)
      } catch (error) {
        // Lost in the middle: there is time left for another connection.
        if (!(error instanceof BrokerUnavailableError) || deadline.aborted) throw error
        await pause(APPLY_AGAIN_MS, deadline)
      }
    }
  }

  async #declare(live: LiveConnection, queues: readonly QueueSpec[]): Promise<void> {
    const { exchange, publish, consume, reporter } = this.#parts
    try {
      await declareTopology(live.model, { exchange, queues })
    } catch (error) {
      // A lost connection is told by the connection itself.
      const connected = live === publish.live || live === consume.live
      if (connected) reporter.emit({ type: 'topology.failed', error })
      throw error
    }
  }
}

/** The queue a publisher names. */
export function queueOfBinding(binding: QueueBinding): QueueSpec {
  return {
    queue: binding.queue,
    types: binding.types,
    parkingQueue: binding.parkingQueue ?? defaultParkingQueue(binding.queue),
    delaysMs: [],
    singleActive: requireOrder('topology.bindings.order', binding.order) === 'key',
  }
}

function queueOfConsumer(options: ResolvedConsumerOptions): QueueSpec {
  const { queue, parkingQueue, messages, order } = options
  return {
    queue,
    parkingQueue,
    // In order, failed messages wait in hand.
    delaysMs: order === 'key' ? [] : options.delaysMs,
    singleActive: order === 'key',
    types: [...new Set(messages.map(({ type }) => type))],
  }
}
