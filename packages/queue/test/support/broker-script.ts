import type { Channel, ChannelModel, ConfirmChannel, Message, Options } from 'amqplib'
import { waitFor } from '@payflow/testkit'

/** A broker to run a script against, and the way to lose the connection to it. */
export interface ScriptBroker {
  readonly connect: () => Promise<ChannelModel>
  readonly cut: () => void
  /** Raises a memory alarm, and ends it; a shared broker has no such thing. */
  readonly alarm?: (raised: boolean) => Promise<void>
}

const quorum = { 'x-queue-type': 'quorum' }

/**
 * Uses a broker and writes down all it says. Names are made unique for the broker and plain in the
 * notes, so that those of two brokers can be compared.
 */
export class Script {
  readonly notes: unknown[] = []
  readonly #broker: ScriptBroker
  readonly #suffix: string
  readonly #models: ChannelModel[] = []
  readonly #queues = new Set<string>()
  readonly #exchanges = new Set<string>()

  constructor(broker: ScriptBroker, suffix: string) {
    this.#broker = broker
    this.#suffix = suffix
  }

  /** A name nobody else uses at the broker. */
  name(plain: string): string {
    return `${plain}-${this.#suffix}`
  }

  note(...what: unknown[]): void {
    const text = JSON.stringify(what, (_, value: unknown) => (value === undefined ? null : value))
    this.notes.push(JSON.parse(text.replaceAll(`-${this.#suffix}`, '')))
  }

  /** Waits until so many notes are there. */
  async noted(count: number): Promise<void> {
    await waitFor(() => this.notes.length >= count, {
      message: () => `${count} notes, of which there are ${JSON.stringify(this.notes)}`,
    })
  }

  async model(): Promise<ChannelModel> {
    const model = await this.#broker.connect()
    this.#models.push(model)
    model.on('error', () => this.note('connection error'))
    model.on('blocked', (reason) => this.note('blocked', reason))
    model.on('unblocked', () => this.note('unblocked'))
    model.on('close', (error) => this.note('connection close', error !== undefined))
    return model
  }

  async channel(model?: ChannelModel): Promise<Channel> {
    return this.#watch(await (model ?? (await this.model())).createChannel())
  }

  async confirmChannel(model?: ChannelModel): Promise<ConfirmChannel> {
    return this.#watch(await (model ?? (await this.model())).createConfirmChannel())
  }

  /** Declares a durable quorum queue, unless the arguments say otherwise. */
  async queue(
    channel: Channel,
    plain: string,
    args: Record<string, unknown> = {},
  ): Promise<string> {
    const name = this.name(plain)
    this.#queues.add(name)
    await channel.assertQueue(name, { durable: true, arguments: { ...quorum, ...args } })
    return name
  }

  async exchange(channel: Channel, plain: string, type: string): Promise<string> {
    const name = this.name(plain)
    this.#exchanges.add(name)
    await channel.assertExchange(name, type, { durable: true })
    return name
  }

  /** Publishes and waits for the confirm. */
  async publish(
    channel: ConfirmChannel,
    exchange: string,
    routingKey: string,
    text: string,
    options: Options.Publish = {},
  ): Promise<void> {
    channel.publish(exchange, routingKey, Buffer.from(text), { persistent: true, ...options })
    await channel.waitForConfirms()
  }

  /** Consumes, notes every delivery and keeps it. */
  async consume(
    channel: Channel,
    queue: string,
    options: Options.Consume = {},
  ): Promise<Message[]> {
    const kept: Message[] = []
    const consumerTag = options.consumerTag ?? 'consumer'
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return this.note(consumerTag, 'cancelled')
        kept.push(message)
        this.note(consumerTag, 'delivery', ...about(message))
      },
      { ...options, consumerTag },
    )
    return kept
  }

  /** Notes how a call failed. */
  async refused(what: string, call: () => unknown): Promise<void> {
    try {
      await call()
      this.note(what, 'was not refused')
    } catch (error) {
      const { name, code, message } = error as Error & { code?: unknown }
      this.note(what, 'refused', name, code, message)
    }
  }

  /** Waits until the queue has so many messages that nobody has in hand, and notes it. */
  async ready(channel: Channel, queue: string, count: number): Promise<void> {
    await waitFor(async () => (await channel.checkQueue(queue)).messageCount === count)
    this.note('ready', queue, count)
  }

  async alarm(raised: boolean): Promise<void> {
    await this.#broker.alarm?.(raised)
  }

  /** Cuts every connection. */
  cut(): void {
    this.#broker.cut()
  }

  async end(): Promise<void> {
    const model = await this.#broker.connect()
    model.on('error', () => {})
    const channel = await model.createChannel()
    for (const queue of this.#queues) await channel.deleteQueue(queue)
    for (const exchange of this.#exchanges) await channel.deleteExchange(exchange)
    for (const each of [model, ...this.#models]) await each.close().catch(() => {})
  }

  #watch<C extends Channel>(channel: C): C {
    channel.on('error', (error: Error & { code?: number }) =>
      this.note('channel error', error.code, error.message),
    )
    channel.on('close', () => this.note('channel close'))
    channel.on('return', ({ fields, content }) => {
      const { replyCode, replyText, exchange, routingKey } = fields as typeof fields & {
        replyCode: number
        replyText: string
      }
      this.note('return', replyCode, replyText, exchange, routingKey, content.toString())
    })
    return channel
  }
}

/** What a delivery says, but for the time of its deaths. */
function about({ fields, properties, content }: Message): unknown[] {
  const { deliveryTag, redelivered, exchange, routingKey, ...rest } = fields
  const { messageCount } = rest as { messageCount?: number }
  const { headers, ...others } = properties
  const deaths = (headers?.['x-death'] ?? []).map((death) => ({ ...death, time: 'then' }))
  const sorted = Object.fromEntries(
    Object.entries({ ...headers, ...(deaths.length > 0 ? { 'x-death': deaths } : {}) }).toSorted(
      ([a], [b]) => (a < b ? -1 : 1),
    ),
  )
  const text = content.toString()
  return [text, deliveryTag, redelivered, exchange, routingKey, messageCount, sorted, others]
}
