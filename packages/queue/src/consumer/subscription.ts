import type { Channel, ConsumeMessage } from 'amqplib'
import { aborted, pause } from '../backoff.ts'
import type { LiveConnection } from '../broker/connection.ts'
import { closeChannel, openChannel } from '../broker/topology.ts'
import { ChannelGeneration, Delivery } from './delivery.ts'

/** Why a subscription is over. */
export interface SubscriptionEnd {
  /** `given-back` is our own doing: the channel was closed to give back what was in hand. */
  readonly reason: 'cancelled' | 'channel' | 'given-back'
  readonly error?: unknown
}

interface SubscriptionOptions {
  readonly queue: string
  readonly prefetch: number
  /** Messages are given back all together and in order, by closing the channel. */
  readonly ordered: boolean
  readonly onDelivery: (delivery: Delivery) => void
}

const LOOK_EVERY_MS = 20

/** One channel that takes deliveries from one queue, until it is lost or closed. */
export class Subscription {
  readonly generation: ChannelGeneration
  /** Resolves when it is over. */
  readonly ended: Promise<SubscriptionEnd>
  readonly #options: SubscriptionOptions
  readonly #resolve: (end: SubscriptionEnd) => void
  #consuming = false
  #tag: string | undefined
  #closed: Promise<void> | undefined

  private constructor(channel: Channel, options: SubscriptionOptions) {
    const { promise, resolve } = Promise.withResolvers<SubscriptionEnd>()
    const giveBack = options.ordered ? () => void this.close('given-back') : undefined
    this.generation = new ChannelGeneration(channel, giveBack)
    this.ended = promise
    this.#options = options
    this.#resolve = resolve
  }

  /** Opens the channel; nothing is delivered before {@link consume}. */
  static async open(live: LiveConnection, options: SubscriptionOptions): Promise<Subscription> {
    const channel = await openChannel(live.model)
    const subscription = new Subscription(channel, options)
    let closeError: unknown
    channel.on('error', (error) => (closeError = error))
    channel.on('close', () => subscription.end('channel', closeError))
    await channel.prefetch(options.prefetch)
    return subscription
  }

  /** Asks for deliveries; `false` when that was done before. */
  async consume(): Promise<boolean> {
    if (this.#consuming) return false
    this.#consuming = true
    const { consumerTag } = await this.generation.channel.consume(this.#options.queue, (message) =>
      this.#received(message),
    )
    this.#tag = consumerTag
    return true
  }

  /** Asks for no more; resolves when the broker agreed, the subscription ended, or by the signal. */
  async cancel(signal: AbortSignal): Promise<void> {
    if (this.#tag === undefined || !this.generation.alive) return
    const tag = this.#tag
    this.#tag = undefined
    this.#consuming = false
    const cancelled = this.generation.channel.cancel(tag).then(
      () => {},
      () => {},
    )
    await Promise.race([cancelled, this.ended, aborted(signal)])
  }

  /**
   * Closes after everything it delivered has been settled; call it once cancelled. `false` when it was
   * lost before, or the signal aborted.
   */
  async finish(signal: AbortSignal): Promise<boolean> {
    const { unsettled } = this.generation
    while (this.generation.alive && !signal.aborted && !unsettled.empty) {
      await pause(LOOK_EVERY_MS, signal)
    }
    if (!this.generation.alive || signal.aborted) return false
    await this.close()
    return true
  }

  /** Closing is answered after everything written before it, so the last acks have arrived. */
  async close(reason: SubscriptionEnd['reason'] = 'channel'): Promise<void> {
    this.#closed ??= closeChannel(this.generation.channel)
    // Before the channel says so: that it is closed was asked for.
    this.end(reason)
    await this.#closed
  }

  end(reason: SubscriptionEnd['reason'], error?: unknown): void {
    this.generation.kill()
    this.#resolve({ reason, error })
  }

  /** `null` is the broker cancelling us: the queue was deleted, or its node went away. */
  #received(message: ConsumeMessage | null): void {
    if (message === null) this.end('cancelled')
    else this.#options.onDelivery(new Delivery(message, this.generation))
  }
}
