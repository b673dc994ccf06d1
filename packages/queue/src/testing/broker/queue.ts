import type { DeathReason, StoredMessage } from './message.ts'
import { withDeath } from './message.ts'
import { notModelled } from './errors.ts'

/** Somebody a queue can give messages to. */
export interface QueueConsumer {
  /** Whether it takes another one now. */
  readonly ready: () => boolean
  readonly deliver: (message: StoredMessage) => void
  /** The broker gave up on it: its queue is gone. */
  readonly cancelled: () => void
}

/** What happens to a queue's messages outside of it. */
interface Surroundings {
  readonly republish: (exchange: string, routingKey: string, message: StoredMessage) => void
}

const MODELLED = new Set([
  'x-queue-type',
  'x-message-ttl',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-dead-letter-strategy',
  'x-delivery-limit',
  'x-max-length',
  'x-overflow',
  'x-single-active-consumer',
])

/** A queue: messages in order, and who takes them. */
export class ModelQueue {
  readonly name: string
  readonly args: Readonly<Record<string, unknown>>
  readonly durable: boolean
  readonly #around: Surroundings
  readonly #ready: StoredMessage[] = []
  readonly #consumers: QueueConsumer[] = []
  #returned: StoredMessage[] = []
  #timer: NodeJS.Timeout | undefined
  /** Delivered and not settled. */
  unsettled = 0

  constructor(
    name: string,
    options: { readonly durable: boolean; readonly args: Readonly<Record<string, unknown>> },
    around: Surroundings,
  ) {
    for (const arg of Object.keys(options.args)) {
      if (!MODELLED.has(arg)) throw notModelled(`the queue argument ${arg}`)
    }
    this.name = name
    this.args = options.args
    this.durable = options.durable
    this.#around = around
  }

  get length(): number {
    return this.#returned.length + this.#ready.length
  }

  get consumers(): number {
    return this.#consumers.length
  }

  get messages(): readonly StoredMessage[] {
    return [...this.#returned, ...this.#ready]
  }

  /** Whether the queue takes another message; a full one that rejects makes a negative confirm. */
  accepts(): boolean {
    const max = this.args['x-max-length']
    return (
      typeof max !== 'number' || this.args['x-overflow'] !== 'reject-publish' || this.length < max
    )
  }

  push(message: StoredMessage): void {
    const ttls = [this.args['x-message-ttl'], message.properties.expiration]
      .filter((ttl) => ttl !== undefined)
      .map(Number)
    const expiresAt = ttls.length === 0 ? undefined : performance.now() + Math.min(...ttls)
    const counted = this.args['x-queue-type'] === 'quorum'
    this.#ready.push({ ...message, expiresAt, counted })
    const max = this.args['x-max-length']
    if (typeof max === 'number' && this.length > max) this.#bury(this.#take(), 'maxlen')
    this.dispatch()
  }

  /** Takes a message out, as basic.get does. */
  get(): StoredMessage | undefined {
    this.#dropExpired()
    return this.#take()
  }

  /**
   * Back from a consumer: before everything that has not been delivered yet. But what a consumer gives
   * back itself goes to the end of a quorum queue that does not limit deliveries.
   */
  giveBack(message: StoredMessage, by: 'consumer' | 'loss'): void {
    message.returns += 1
    const quorum = this.args['x-queue-type'] === 'quorum'
    const limit = quorum ? this.args['x-delivery-limit'] : undefined
    if (typeof limit === 'number' && message.returns > limit) {
      this.#bury(message, 'delivery_limit')
    } else if (quorum && limit === undefined && by === 'consumer') {
      this.#ready.push(message)
    } else {
      this.#returned.push(message)
    }
  }

  /** Rejected for good. */
  reject(message: StoredMessage): void {
    this.#bury(message, 'rejected')
  }

  add(consumer: QueueConsumer): void {
    this.#consumers.push(consumer)
    this.dispatch()
  }

  remove(consumer: QueueConsumer): void {
    const at = this.#consumers.indexOf(consumer)
    if (at !== -1) this.#consumers.splice(at, 1)
  }

  purge(): number {
    const { length } = this
    this.#returned = []
    this.#ready.length = 0
    return length
  }

  /** Tells every consumer that it is none any more. */
  cancelConsumers(): void {
    for (const consumer of this.#consumers.splice(0)) consumer.cancelled()
  }

  /** Lets time pass for what waits for its time to live. */
  expireAll(): number {
    const { messages } = this
    const expiring = messages.filter((message) => message.expiresAt !== undefined)
    for (const message of expiring) message.expiresAt = Number.NEGATIVE_INFINITY
    this.dispatch()
    return expiring.length
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** Gives out what can be given, in turn. */
  dispatch(): void {
    while (this.length > 0) {
      this.#dropExpired()
      const alone = this.args['x-single-active-consumer'] === true
      const candidates = alone ? this.#consumers.slice(0, 1) : this.#consumers
      const consumer = candidates.find((candidate) => candidate.ready())
      if (consumer === undefined) break
      if (!alone) {
        // In turn: it waits behind the others now.
        this.remove(consumer)
        this.#consumers.push(consumer)
      }
      const message = this.#take()
      if (message !== undefined) consumer.deliver(message)
    }
    this.#watchExpiry()
  }

  #take(): StoredMessage | undefined {
    return this.#returned.shift() ?? this.#ready.shift()
  }

  get #head(): StoredMessage | undefined {
    return this.#returned[0] ?? this.#ready[0]
  }

  /** Only at the head: a message behind one that lives longer waits for it. */
  #dropExpired(): void {
    for (;;) {
      const expiresAt = this.#head?.expiresAt
      if (expiresAt === undefined || expiresAt > performance.now()) return
      this.#bury(this.#take(), 'expired')
    }
  }

  #watchExpiry(): void {
    clearTimeout(this.#timer)
    const expiresAt = this.#head?.expiresAt
    if (expiresAt === undefined) return
    const inMs = Math.max(0, Math.ceil(expiresAt - performance.now()))
    this.#timer = setTimeout(() => this.dispatch(), Math.min(inMs, 2 ** 31 - 1))
    this.#timer.unref()
  }

  /** To the dead-letter exchange, or nowhere. */
  #bury(message: StoredMessage | undefined, reason: DeathReason): void {
    const exchange = this.args['x-dead-letter-exchange']
    if (message === undefined || typeof exchange !== 'string') return
    const routingKey = this.args['x-dead-letter-routing-key']
    this.#around.republish(
      exchange,
      typeof routingKey === 'string' ? routingKey : message.routingKey,
      {
        ...message,
        properties: withDeath(message, this.name, reason),
        returns: 0,
        expiresAt: undefined,
      },
    )
  }
}
