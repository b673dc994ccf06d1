import type { BrokerConnection, LiveConnection } from '../broker/connection.ts'
import { BrokerUnavailableError, QueueError } from '../errors.ts'
import { readMemory } from '../postgres/read-memory.ts'
import { within } from '../resolve-options.ts'
import { brokerVersion } from './broker-version.ts'
import { holdParked } from './hold-parked.ts'
import { matches, readParked, readParkedDetail } from './read-parked.ts'
import { Redrive } from './redrive.ts'
import type { RedriveContext } from './redrive.ts'
import { checkedFilter, resolveRedriveOptions } from './redrive-options.ts'
import type {
  ListParkedOptions,
  ParkedMessage,
  ParkedMessageDetail,
  ParkedMessages,
  ParkedPage,
  RedriveOptions,
  RedriveResult,
} from './types.ts'

interface ParkedQueueParts extends Omit<RedriveContext, 'connect'> {
  readonly connection: BrokerConnection
  /** The operator says that no policy or default makes the broker drop what is delivered often. */
  readonly deliveryLimitLifted: boolean
}

const CONNECT_TIMEOUT_MS = 5_000
const LIST_MAX = 10_000

/** See {@link ParkedMessages} for what it promises. */
export class ParkedQueue implements ParkedMessages {
  readonly queue: string
  readonly parkingQueue: string
  readonly #parts: ParkedQueueParts

  constructor(parts: ParkedQueueParts) {
    this.queue = parts.queue
    this.parkingQueue = parts.parkingQueue
    this.#parts = parts
  }

  async list(options: ListParkedOptions = {}): Promise<ParkedPage> {
    const limit = within('limit', options.limit ?? 100, 1, LIST_MAX)
    const where = checkedFilter(options.where ?? {})
    const { query, schema } = this.#parts
    const { nowMs } = await readMemory(query, schema)
    const live = await this.#connect()
    const messages: ParkedMessage[] = []
    const hold = {
      keepMax: 1,
      wants: (message: Parameters<typeof readParked>[0]) => {
        const parked = readParked(message)
        if (messages.length < limit && matches(parked, where, nowMs)) messages.push(parked)
        return false
      },
    }
    return await holdParked(live.model, this.parkingQueue, hold, async ({ examined, ready }) => ({
      messages,
      examined,
      ready,
    }))
  }

  async inspect(id: string): Promise<ParkedMessageDetail | undefined> {
    const live = await this.#connect()
    const hold = {
      keepMax: 1,
      wants: (message: Parameters<typeof readParked>[0]) => readParked(message).id === id,
    }
    return await holdParked(live.model, this.parkingQueue, hold, async ({ kept: [message] }) =>
      message === undefined ? undefined : readParkedDetail(message),
    )
  }

  async redrive(options: RedriveOptions): Promise<RedriveResult> {
    const resolved = resolveRedriveOptions(options)
    await this.#connect()
    const connect = (): Promise<LiveConnection> => this.#connect()
    return await new Redrive({ ...this.#parts, connect }, resolved).run()
  }

  async #connect(): Promise<LiveConnection> {
    const { connection, deliveryLimitLifted } = this.#parts
    const live = await connection.waitUp(AbortSignal.timeout(CONNECT_TIMEOUT_MS))
    if (live === undefined) {
      const { lastError } = connection.health()
      const why = lastError === undefined ? '' : ` (${lastError})`
      throw new BrokerUnavailableError(`There is no connection to the broker${why}`)
    }
    requireSafeLook(brokerVersion(live.model), this.parkingQueue, deliveryLimitLifted)
    return live
  }
}

/**
 * A quorum queue of RabbitMQ 4 drops what was delivered more than 20 times, and each look counts as
 * a delivery. A parking queue has nowhere to send what it drops.
 */
export function requireSafeLook(version: string, queue: string, limitLifted: boolean): void {
  if (Number.parseInt(version, 10) < 4 || limitLifted) return
  throw new QueueError(
    `RabbitMQ ${version} drops messages of "${queue}" that were delivered more often than its ` +
      'delivery-limit (20 by default), and each look is a delivery. Set a policy with ' +
      'delivery-limit -1 (bus.topology.plan() prints the command), then say so with ' +
      "topology.deliveryLimit: 'none'.",
    { code: 'QUEUE_DELIVERY_LIMIT', retryable: false },
  )
}
