import type { Channel, ConsumeMessage } from 'amqplib'
import { firstOf, pause } from '../backoff.ts'
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
  /** Called once and at the moment it is over, before anything else can happen. */
  readonly onEnd: (subscription: Subscription) => void
}

const LOOK_EVERY_MS = 20

/** One channel that takes deliveries from one queue, until it is lost or closed. */
export class Subscription {
  readonly generation: ChannelGeneration
  /** What its channel is on. */
  readonly live: LiveConnection
  /** Resolves when it is over. */
  readonly ended: Promise<SubscriptionEnd>
  readonly #options: SubscriptionOptions
  readonly #resolve: (end: SubscriptionEnd) => void
  /** The consumer tag, from the moment deliveries are asked for until they are not wanted. */
  #asked: Promise<string> | undefined
  /** Settles when the last cancellation was answered. */
  #cancelled: Promise<unknown> | undefined
  #received = 0
  #retired = false
  #over = false
  #closed: Promise<unknown> | undefined

  private constructor(live: LiveConnection, channel: Channel, options: SubscriptionOptions) {
    const { promise, resolve } = Promise.withResolvers<SubscriptionEnd>()
    const giveBack = options.ordered ? () => void this.close('given-back') : undefined
    this.generation = new ChannelGeneration(channel, giveBack)
    this.live = live
    this.ended = promise
    this.#options = options
    this.#resolve = resolve
  }

  /** Opens the channel; nothing is delivered before {@link consume}. */
  static async open(live: LiveConnection, options: SubscriptionOptions): Promise<Subscription> {
    const channel = await openChannel(live.model)
    const subscription = new Subscription(live, channel, options)
    let closeError: unknown
    channel.on('error', (error) => (closeError = error))
    channel.on('close', () => subscription.end('channel', closeError))
    await channel.prefetch(options.prefetch)
    return subscription
  }

  get queue(): string {
    return this.#options.queue
  }

  /** Deliveries so far. */
  get received(): number {
    return this.#received
  }

  /** Deliveries are asked for, and none is in hand. */
  get idle(): boolean {
    const { alive, unsettled } = this.generation
    return this.#asked !== undefined && alive && unsettled.empty
  }

  /**
   * Asks for deliveries; `false` when that was done before, and when it was cancelled or over by the
   * time the broker answered.
   */
  async consume(): Promise<boolean> {
    if (this.#asked !== undefined || this.#retired) return false
    const asked = this.#ask(this.#cancelled)
    this.#asked = asked
    await asked
    return this.#asked === asked && this.generation.alive
  }

  /**
   * Asks for no more; resolves when the broker agreed, the subscription ended, or by the signal. While
   * the broker has not answered {@link consume} there is no tag to cancel, so this waits for that.
   */
  async cancel(signal: AbortSignal): Promise<void> {
    if (!this.generation.alive) return
    if (this.#asked !== undefined) {
      this.#cancelled = this.#withdraw(this.#asked).catch(() => {})
      this.#asked = undefined
    }
    if (this.#cancelled === undefined) return
    await firstOf([this.#cancelled, this.ended], signal)
  }

  /** Cancels, and never asks again: another subscription takes its place. */
  async retire(signal: AbortSignal): Promise<void> {
    this.#retired = true
    await this.cancel(signal)
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
    if (this.#over) return
    this.#over = true
    this.generation.kill()
    this.#options.onEnd(this)
    this.#resolve({ reason, error })
  }

  async #ask(after: Promise<unknown> | undefined): Promise<string> {
    await after
    const { channel } = this.generation
    const ok = await channel.consume(this.#options.queue, (message) => this.#deliver(message))
    return ok.consumerTag
  }

  async #withdraw(asked: Promise<string>): Promise<void> {
    await this.generation.channel.cancel(await asked)
  }

  /** `null` is the broker cancelling us: the queue was deleted, or its node went away. */
  #deliver(message: ConsumeMessage | null): void {
    if (message === null) return this.end('cancelled')
    this.#received += 1
    this.#options.onDelivery(new Delivery(message, this.generation))
  }
}
