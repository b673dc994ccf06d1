import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib'
import { pause } from '../backoff.ts'
import { closeChannel, openChannel } from '../broker/topology.ts'
import { BrokerUnavailableError } from '../errors.ts'
import { errorText } from '../reporter.ts'

/** How much of a parking queue to take in hand. */
export interface HoldOptions {
  /** Whether the message is kept with its body; the others are only counted. */
  readonly wants: (message: ConsumeMessage) => boolean
  /** The most messages to keep. */
  readonly keepMax: number
}

/** The first messages of a parking queue, in hand. */
export interface Hold {
  /** Ready in the queue when the look began. */
  readonly ready: number
  readonly examined: number
  readonly kept: readonly ConsumeMessage[]
  /** Takes a message out of the parking queue for good. */
  ack(message: ConsumeMessage): void
  /** By how many messages the queue has grown since. */
  grownBy(): Promise<number>
}

/** A queue that says nothing for so long has no more: somebody else took what was counted. */
const SILENCE_MS = 2_000
/** What is kept in memory at once. */
const KEPT_BYTES_MAX = 67_108_864
/** The most messages in hand; always so many, see {@link holdParked}. */
const HOLD_MAX = 10_000
const SEEN_AGAIN_MS = 1_000
const SEEN_AGAIN_POLL_MS = 5

/**
 * Takes the first 10000 messages in hand, calls `work`, and gives back what was not acknowledged.
 *
 * By basic.consume and by closing the channel, and not by basic.get and nack, because only so does a
 * quorum queue put many messages back where they were: it returns those of a consumer that went away
 * sorted by delivery, before all that was never delivered. (Measured on 3.10 with 5000 messages; nacks
 * put them at its end, and each get counts as a consumer of its own, whose messages come back in any
 * order.) But behind others that were returned before: so every look takes at least as many as any
 * earlier one, however few it wants.
 */
export async function holdParked<T>(
  model: ChannelModel,
  queue: string,
  options: HoldOptions,
  work: (hold: Hold) => Promise<T>,
): Promise<T> {
  const channel = await openChannel(model)
  const reader = new Reader(channel, queue, options)
  try {
    return await work(await reader.read())
  } catch (error) {
    if (reader.closed === undefined) throw error
    throw new BrokerUnavailableError(`Queue "${queue}": ${errorText(reader.closed)}`, error)
  } finally {
    const lost = reader.closed !== undefined
    await closeChannel(channel)
    if (!lost && reader.held > 0) await seenAgain(model, queue, reader.left).catch(() => {})
  }
}

/**
 * The broker answers the close before the queue has the messages back. Whoever looks next should find
 * them, so this waits for them, but not for ever: somebody else may take them.
 */
async function seenAgain(model: ChannelModel, queue: string, count: number): Promise<void> {
  const channel = await openChannel(model)
  const late = AbortSignal.timeout(SEEN_AGAIN_MS)
  try {
    while ((await channel.checkQueue(queue)).messageCount < count && !late.aborted) {
      await pause(SEEN_AGAIN_POLL_MS, late)
    }
  } finally {
    await closeChannel(channel)
  }
}

class Reader {
  closed: unknown
  readonly #channel: Channel
  readonly #queue: string
  readonly #options: HoldOptions
  readonly #kept: ConsumeMessage[] = []
  readonly #full = Promise.withResolvers<void>()
  #examined = 0
  #keptBytes = 0
  #aim = 0
  #ready = 0
  #acked = 0

  constructor(channel: Channel, queue: string, options: HoldOptions) {
    this.#channel = channel
    this.#queue = queue
    this.#options = options
    let reason: unknown
    channel.on('error', (error) => (reason = error))
    channel.on('close', () => {
      this.closed = reason ?? new Error('the channel closed')
      this.#full.resolve()
    })
  }

  /** In hand and not acknowledged. */
  get held(): number {
    return this.#examined - this.#acked
  }

  /** What the queue will have when it has them back. */
  get left(): number {
    return this.#ready - this.#acked
  }

  async read(): Promise<Hold> {
    const ready = await this.#count()
    this.#ready = ready
    this.#aim = Math.min(ready, HOLD_MAX)
    if (this.#aim > 0) await this.#take()
    if (this.closed !== undefined) throw this.closed
    return {
      ready,
      examined: this.#examined,
      kept: this.#kept,
      ack: (message) => {
        this.#channel.ack(message)
        this.#acked += 1
      },
      grownBy: async () => Math.max(0, (await this.#count()) - (ready - this.#examined)),
    }
  }

  async #count(): Promise<number> {
    return (await this.#channel.checkQueue(this.#queue)).messageCount
  }

  /** The broker hands out no more than the prefetch count, so nothing beyond the aim is hidden. */
  async #take(): Promise<void> {
    await this.#channel.prefetch(this.#aim)
    const silence = setTimeout(() => this.#full.resolve(), SILENCE_MS)
    try {
      const { consumerTag } = await this.#channel.consume(this.#queue, (message) => {
        silence.refresh()
        if (message === null) this.#full.resolve()
        else this.#received(message)
      })
      await this.#full.promise
      if (this.closed === undefined) await this.#channel.cancel(consumerTag)
    } finally {
      clearTimeout(silence)
    }
  }

  #received(message: ConsumeMessage): void {
    this.#examined += 1
    const { keepMax, wants } = this.#options
    const room = this.#kept.length < keepMax && this.#keptBytes < KEPT_BYTES_MAX
    if (room && wants(message)) {
      this.#kept.push(message)
      this.#keptBytes += message.content.length
    }
    if (this.#examined >= this.#aim) this.#full.resolve()
  }
}
