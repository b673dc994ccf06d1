import type { BrokerState, PublishResult } from './broker-state.ts'
import { ChannelClosure } from './errors.ts'
import type { StoredMessage } from './message.ts'
import type { ModelQueue, QueueConsumer } from './queue.ts'

/** A delivery the channel has not settled. */
interface Unsettled {
  readonly queue: ModelQueue
  readonly message: StoredMessage
  readonly consumer: Subscriber | undefined
}

interface Subscriber extends QueueConsumer {
  readonly queue: ModelQueue
  unsettled: number
}

/** What the client's end of a channel is told. */
export interface ChannelClient {
  readonly deliver: (consumerTag: string, deliveryTag: number, message: StoredMessage) => void
  readonly cancelled: (consumerTag: string) => void
}

/** What becomes of a delivery; `lost` with its channel. */
export type Fate = 'ack' | 'requeue' | 'reject' | 'lost'

/** How a consumer wants its messages. */
export interface Subscription {
  readonly consumerTag: string
  readonly noAck: boolean
}

/** The broker's end of a channel: tags, who has what in hand, and how much more they may have. */
export class BrokerChannel {
  readonly #state: BrokerState
  readonly #client: ChannelClient
  readonly #unsettled = new Map<number, Unsettled>()
  readonly #subscribers = new Map<string, Subscriber>()
  #lastTag = 0
  /** For consumers that begin from now on; 0 is no limit. */
  prefetch = 0
  open = true

  constructor(state: BrokerState, client: ChannelClient) {
    this.#state = state
    this.#client = client
  }

  /** Takes the consumer on; nothing is delivered before {@link BrokerChannel.begin}. */
  subscribe(queueName: string, { consumerTag, noAck }: Subscription): void {
    const queue = this.#state.queue(queueName)
    const { prefetch } = this
    const subscriber: Subscriber = {
      queue,
      unsettled: 0,
      ready: () => this.open && (noAck || prefetch === 0 || subscriber.unsettled < prefetch),
      deliver: (message) => {
        const tag = this.#hand(queue, message, noAck, subscriber)
        this.#client.deliver(consumerTag, tag, { ...message })
      },
      cancelled: () => {
        this.#subscribers.delete(consumerTag)
        this.#client.cancelled(consumerTag)
      },
    }
    this.#subscribers.set(consumerTag, subscriber)
  }

  begin(consumerTag: string): void {
    const subscriber = this.#subscribers.get(consumerTag)
    subscriber?.queue.add(subscriber)
  }

  /** What it has in hand stays there. */
  unsubscribe(consumerTag: string): void {
    const subscriber = this.#subscribers.get(consumerTag)
    this.#subscribers.delete(consumerTag)
    if (subscriber === undefined) return
    subscriber.queue.remove(subscriber)
    subscriber.queue.dispatch()
  }

  get(
    queueName: string,
    noAck: boolean,
  ): { tag: number; message: StoredMessage; left: number } | undefined {
    const queue = this.#state.queue(queueName)
    const message = queue.get()
    if (message === undefined) return undefined
    const tag = this.#hand(queue, message, noAck, undefined)
    return { tag, message: { ...message }, left: queue.length }
  }

  /** @throws {@link ChannelClosure} 404 when the exchange is missing. */
  publish(message: StoredMessage): PublishResult {
    return this.#state.publish(message)
  }

  /** @throws {@link ChannelClosure} 406 for a tag that is unknown or was settled before. */
  settle(tag: number, multiple: boolean, fate: Fate): void {
    const tags = this.#tags(tag, multiple)
    const settled = tags.map((each) => this.#release(each)).filter((it) => it !== undefined)
    for (const { queue, message } of settled) {
      if (fate === 'requeue') queue.giveBack(message, 'consumer')
      else if (fate === 'lost') queue.giveBack(message, 'loss')
      else if (fate === 'reject') queue.reject(message)
    }
    for (const queue of new Set(settled.map((each) => each.queue))) queue.dispatch()
  }

  /** The channel ends: its consumers are gone, what they had in hand goes back. */
  close(): void {
    if (!this.open) return
    this.open = false
    for (const tag of this.#subscribers.keys()) this.unsubscribe(tag)
    this.settle(0, true, 'lost')
  }

  #hand(
    queue: ModelQueue,
    message: StoredMessage,
    noAck: boolean,
    consumer: Subscriber | undefined,
  ): number {
    this.#lastTag += 1
    if (noAck) return this.#lastTag
    this.#unsettled.set(this.#lastTag, { queue, message, consumer })
    queue.unsettled += 1
    if (consumer !== undefined) consumer.unsettled += 1
    return this.#lastTag
  }

  #release(tag: number): Unsettled | undefined {
    const unsettled = this.#unsettled.get(tag)
    if (unsettled === undefined) return undefined
    this.#unsettled.delete(tag)
    unsettled.queue.unsettled -= 1
    if (unsettled.consumer !== undefined) unsettled.consumer.unsettled -= 1
    return unsettled
  }

  #tags(tag: number, multiple: boolean): number[] {
    if (multiple && tag === 0) return [...this.#unsettled.keys()]
    if (!this.#unsettled.has(tag)) throw new ChannelClosure(406, `unknown delivery tag ${tag}`)
    return multiple ? [...this.#unsettled.keys()].filter((each) => each <= tag) : [tag]
  }
}
